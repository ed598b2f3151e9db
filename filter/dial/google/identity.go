package google

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"cloud.google.com/go/compute/metadata"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial/token"
)

// scope is what access tokens are for.
const scope = "https://www.googleapis.com/auth/cloud-platform"

// Identity is who we are in Google Cloud. Without Credentials it is whom the environment names: the file of
// GOOGLE_APPLICATION_CREDENTIALS, gcloud's, or the metadata server's service account, in the order of Google's libraries.
type Identity struct {
	Credentials dial.Source // JSON: a service account's key, or an external account (workload identity federation)
	Principal   string      // empty: as the credentials say
	CA          dial.Source // the authorities of the servers that give tokens; zero: the system's
}

var _ dial.Cloud = Identity{}

// Sources are what may be in files.
func (i Identity) Sources() []dial.Source { return []dial.Source{i.Credentials, i.CA} }

// Check says what is wrong with the credentials that are configured, without asking anybody.
func (i Identity) Check() []*dial.Problem {
	problems := dial.CheckCA(i.CA)
	if i.Credentials.IsZero() {
		return problems
	}
	raw, _, err := i.read()
	if err == nil && i.Principal == "" && principalIn(raw) == "" {
		err = errNoPrincipal
	}
	if err != nil {
		problems = append(problems, dial.NewProblem(dial.PartCloudCredentials, err))
	}
	return problems
}

// Fetch gets an access token, with the credentials that are there now, and gives it its shape.
func (i Identity) Fetch(ctx context.Context) (token.Token, error) {
	client, err := dial.HTTPClient(i.CA)
	if err != nil {
		return token.Token{}, err
	}
	found, err := i.find(context.WithValue(ctx, oauth2.HTTPClient, client))
	if err != nil {
		return token.Token{}, err
	}
	principal, err := i.principal(ctx, found.JSON)
	if err != nil {
		return token.Token{}, err
	}
	access, err := found.TokenSource.Token()
	if err != nil {
		return token.Token{}, explain(err)
	}
	now := time.Now()
	end := access.Expiry
	if end.IsZero() {
		end = now.Add(token.UnknownLife)
	}
	value, err := shape(access.AccessToken, principal, now, end)
	return token.Token{Value: value, Expires: end, Identity: principal}, err
}

// find returns the credentials that there are.
func (i Identity) find(ctx context.Context) (*google.Credentials, error) {
	if i.Credentials.IsZero() {
		found, err := google.FindDefaultCredentials(ctx, scope)
		if err != nil {
			return nil, errors.New("there are no credentials of Google that can be used: look at GOOGLE_APPLICATION_CREDENTIALS and the file " +
				"that it names; there is no metadata server either")
		}
		return found, nil
	}
	raw, kind, err := i.read()
	if err != nil {
		return nil, err
	}
	found, err := google.CredentialsFromJSONWithType(ctx, raw, kind, scope)
	if err != nil {
		return nil, fmt.Errorf("the credentials in %s cannot be used; make them anew", i.Credentials)
	}
	return found, nil
}

// kinds are the credentials that a mesh may have. A person's own are none: they want a browser.
var kinds = map[google.CredentialsType]bool{ //nolint:gochecknoglobals // a table
	google.ServiceAccount: true, google.ExternalAccount: true, google.ImpersonatedServiceAccount: true,
}

// read returns the credentials that are configured, and of what kind they are.
func (i Identity) read() ([]byte, google.CredentialsType, error) {
	raw, err := i.Credentials.Read()
	if err != nil {
		return nil, "", err
	}
	var said struct{ Type google.CredentialsType }
	if json.Unmarshal(raw, &said) != nil || !kinds[said.Type] {
		return nil, "", fmt.Errorf("%s does not hold credentials of a service account or an external account, in Google's JSON", i.Credentials)
	}
	return raw, said.Type, nil
}

var errNoPrincipal = errors.New("the credentials do not say which service account they are for; write its address, or the principal, into principal")

// impersonated finds the service account in the address that its tokens come from.
var impersonated = regexp.MustCompile(`/serviceAccounts/([^/:]+):generateAccessToken$`)

// principalIn is whom credentials name, or nothing.
func principalIn(raw []byte) string {
	var said struct {
		Email string `json:"client_email"`
		URL   string `json:"service_account_impersonation_url"`
	}
	if json.Unmarshal(raw, &said) != nil {
		return ""
	}
	if found := impersonated.FindStringSubmatch(said.URL); found != nil {
		return found[1]
	}
	return said.Email
}

// principal is who we are for the broker.
func (i Identity) principal(ctx context.Context, raw []byte) (string, error) {
	if named := cmp.Or(i.Principal, principalIn(raw)); named != "" {
		return named, nil
	}
	if raw != nil {
		return "", errNoPrincipal
	}
	email, err := metadata.EmailWithContext(ctx, "default")
	if err != nil {
		return "", explain(err)
	}
	return email, nil
}
