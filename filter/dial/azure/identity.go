package azure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial/token"
)

// The environment variables that Azure's workload identity sets in a pod.
const (
	envClient    = "AZURE_CLIENT_ID"
	envTokenFile = "AZURE_FEDERATED_TOKEN_FILE"
	envAuthority = "AZURE_AUTHORITY_HOST"
)

// Identity is who we are in Azure: with a token file, ours or the environment's, the workload identity that it proves, and else the managed
// identity of what we run on.
type Identity struct {
	Scope     string // what tokens are for
	ClientID  string // empty: as the environment says
	TenantID  string // of a workload identity; empty: as the environment says
	TokenFile string // empty: as the environment says
	CA        dial.Source
}

var _ dial.Cloud = Identity{}

// aNamespace is the host of a namespace of Event Hubs.
var aNamespace = regexp.MustCompile(`^[a-z0-9-]+\.servicebus\.[a-z.]+$`)

// ScopeOf is what tokens for a broker of Event Hubs are for, or nothing.
func ScopeOf(server string) string {
	host, _, err := net.SplitHostPort(server)
	if host = strings.ToLower(host); err != nil || !aNamespace.MatchString(host) {
		return ""
	}
	return "https://" + host + "/.default"
}

// Sources are what may be in files. The workload's token is not: it is read for each request.
func (i Identity) Sources() []dial.Source { return []dial.Source{i.CA} }

// Check says what is wrong with the files, without asking anybody.
func (i Identity) Check() []*dial.Problem {
	problems := dial.CheckCA(i.CA)
	if i.TokenFile != "" {
		if _, err := (dial.Source{File: i.TokenFile}).Read(); err != nil {
			problems = append(problems, dial.NewProblem(dial.PartCloudCredentials, err))
		}
	}
	return problems
}

// Fetch gets a token, as who we are now.
func (i Identity) Fetch(ctx context.Context) (token.Token, error) {
	client, err := dial.HTTPClient(i.CA)
	if err != nil {
		return token.Token{}, err
	}
	return i.fetch(ctx, client)
}

func (i Identity) fetch(ctx context.Context, client *http.Client) (token.Token, error) {
	credential, who, err := i.credential(client)
	if err != nil {
		return token.Token{}, err
	}
	got, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{i.Scope}})
	if err != nil {
		return token.Token{}, explain(who, err)
	}
	return token.New(got.Token, got.ExpiresOn, who), nil
}

// credential is who we are, and how that is called.
//
//nolint:ireturn // it is one of two
func (i Identity) credential(client *http.Client) (azcore.TokenCredential, string, error) {
	id := cmp.Or(i.ClientID, os.Getenv(envClient))
	options := azcore.ClientOptions{Transport: client, Retry: policy.RetryOptions{MaxRetries: 1}}
	if i.TokenFile == "" && os.Getenv(envTokenFile) == "" {
		managed := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: options}
		who := "the managed identity"
		if id != "" {
			managed.ID, who = azidentity.ClientID(id), who+" "+id
		}
		credential, err := azidentity.NewManagedIdentityCredential(managed)
		if err != nil {
			return nil, "", fmt.Errorf("%s cannot be used where we run", who)
		}
		return credential, who, nil
	}
	credential, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: options, ClientID: id, TenantID: i.TenantID, TokenFilePath: i.TokenFile,
		DisableInstanceDiscovery: os.Getenv(envAuthority) != "", // whoever names another one trusts it
	})
	if err != nil {
		return nil, "", errors.New("a workload identity needs a client id and a tenant id; set AZURE_CLIENT_ID and AZURE_TENANT_ID, " +
			"or client_id and tenant_id")
	}
	return credential, "the workload identity " + id, nil
}

// aCode finds the code in what Microsoft's servers say. What stands around it may repeat what the server was sent.
var aCode = regexp.MustCompile(`\bAADSTS[0-9]+\b`)

// explain says why there is no token.
func explain(who string, err error) error {
	refused, answered := errors.AsType[*azidentity.AuthenticationFailedError](err)
	var wait net.Error
	switch {
	case answered && refused.RawResponse != nil:
		why := refused.RawResponse.Status
		if code := aCode.FindString(err.Error()); code != "" {
			why += " " + code
		}
		return fmt.Errorf("Azure refuses a token for %s: %s", who, why) //nolint:staticcheck // a name
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &wait) && wait.Timeout():
		return fmt.Errorf("Azure does not answer %s in time", who) //nolint:staticcheck // a name
	default:
		return fmt.Errorf("Azure gives %s no token: what we run on may have no such identity, or its token file cannot be read", who) //nolint:staticcheck // a name
	}
}
