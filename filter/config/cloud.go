package config

import (
	"cmp"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial/amazon"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial/azure"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial/google"
	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// oneOf sees that tokens come from one place, and that nothing is said of another.
func (s *security) oneOf(at string, o *kafkameshv1.OAuth) {
	ways := []struct {
		field string
		given bool
	}{{"token_url", o.GetTokenUrl() != ""}, {"token_file", o.GetTokenFile() != ""}, {"aws", o.GetAws() != nil}, {"google", o.GetGoogle() != nil}, {"azure", o.GetAzure() != nil}}
	from := ""
	for _, way := range ways {
		switch {
		case way.given && from != "":
			s.bad.add(join(at, way.field), "is given, and %s too; keep one", from)
		case way.given:
			from = way.field
		}
	}
	if from == "" || from == "token_url" {
		return
	}
	for _, unused := range []struct {
		field string
		given bool
	}{
		{"assertion", o.GetAssertion() != nil},
		{"client_id", o.GetClientId() != nil && from != "token_file"}, // which did no harm so far
		{"client_secret", o.GetClientSecret() != nil && from != "token_file"},
		{"scope", o.GetScope() != "" && from != "token_file" && from != "azure"},
		{"parameters", len(o.GetParameters()) > 0 && from != "token_file"},
		{"ca", o.GetCa() != nil && from == "aws"},
	} {
		if unused.given {
			s.bad.add(join(at, unused.field), "has no effect with %s; remove it", from)
		}
	}
}

// cloud is who we are in a cloud, if tokens come from one.
//
//nolint:ireturn // there are several
func (s *security) cloud(at string, o *kafkameshv1.OAuth) dial.Cloud {
	if a := o.GetAws(); a != nil {
		return s.amazon(join(at, "aws"), join(at, "aws"), a)
	}
	if g := o.GetGoogle(); g != nil {
		return s.google(at, g, o.GetCa())
	}
	if o.GetAzure() != nil {
		return s.azure(join(at, "scope"), at, o)
	}
	return nil
}

// google is who we are in Google Cloud.
func (s *security) google(oauth string, g *kafkameshv1.OAuth_Google, ca *kafkameshv1.DataSource) google.Identity {
	return google.Identity{
		Credentials: s.source(dial.PartCloudCredentials, join(oauth, "google"), "credentials", g.GetCredentials()),
		Principal:   g.GetPrincipal(),
		CA:          s.source(dial.PartTokenCA, oauth, "ca", ca),
	}
}

// azure is who we are in Azure. A scope that nobody says is missing at a path.
func (s *security) azure(missing, oauth string, o *kafkameshv1.OAuth) azure.Identity {
	at := join(oauth, "azure")
	s.paths[dial.PartCloudCredentials] = join(at, "token_file")
	i := azure.Identity{
		Scope: o.GetScope(), ClientID: o.GetAzure().GetClientId(), TenantID: o.GetAzure().GetTenantId(), TokenFile: o.GetAzure().GetTokenFile(),
		CA: s.source(dial.PartTokenCA, oauth, "ca", o.GetCa()),
	}
	for _, server := range s.cluster.BootstrapServers {
		i.Scope = cmp.Or(i.Scope, azure.ScopeOf(server))
	}
	if i.Scope == "" {
		s.bad.add(missing, "missing; bootstrap_servers name no namespace of Event Hubs: write what tokens are to be for, such as "+
			"https://NAMESPACE.servicebus.windows.net/.default")
	}
	return i
}

// azureProperties is who we are in Azure by librdkafka's properties: a managed identity, and what its metadata service is asked for.
func (s *security) azureProperties() *dial.OAuth {
	path := s.given.at(oauthConfig)
	o := &kafkameshv1.OAuth{Azure: &kafkameshv1.OAuth_Azure{}, Scope: s.given.values["sasl.oauthbearer.scope"]}
	if said, given := s.given.values[oauthConfig]; given {
		query, ok := strings.CutPrefix(said, "query=")
		asked, err := url.ParseQuery(strings.TrimLeft(query, "_?"))
		if !ok || err != nil {
			s.bad.add(path, "must be query=NAME=VALUE&…, which the metadata service is asked with")
			asked = nil
		}
		for _, name := range slices.Sorted(maps.Keys(asked)) {
			switch value := asked.Get(name); name {
			case "api-version": // which Microsoft's library chooses
			case "resource":
				o.Scope = strings.TrimSuffix(value, "/") + "/.default"
			case "client_id":
				o.Azure.ClientId = value
			default:
				s.bad.add(path, "asks for something besides api-version, resource and client_id; write the field sasl.oauth.azure")
			}
		}
	}
	at := s.given.at(metadataType)
	return &dial.OAuth{At: at, Cloud: s.azure(at, at, o), Extensions: s.givenExtensions("sasl.oauthbearer.extensions")}
}

// amazon is who we are in AWS. A region that nobody says is missing at a path; fields are in another, if they can be given.
func (s *security) amazon(missing, at string, a *kafkameshv1.OAuth_Aws) amazon.Identity {
	i := amazon.Identity{
		Region: a.GetRegion(), Profile: a.GetProfile(), RoleARN: a.GetRoleArn(), SessionName: a.GetRoleSessionName(), ExternalID: a.GetExternalId(),
	}
	for _, server := range s.cluster.BootstrapServers {
		i.Region = cmp.Or(i.Region, amazon.RegionOf(server))
	}
	i.Region = cmp.Or(i.Region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	switch {
	case i.Region == "" && at == "":
		s.bad.add(missing, "needs the region of the cluster, which bootstrap_servers do not name; set AWS_REGION, or write sasl: "+
			"{mechanism: MECHANISM_OAUTHBEARER, oauth: {aws: {region: REGION}}}")
	case i.Region == "":
		s.bad.add(join(at, "region"), "missing; write the region of the cluster, such as eu-west-1: bootstrap_servers do not name it")
	case !amazon.IsRegion(i.Region) && a.GetRegion() != "":
		s.bad.add(join(at, "region"), "is no region of AWS; write one such as eu-west-1")
	case !amazon.IsRegion(i.Region):
		s.bad.add(missing, "the environment variable AWS_REGION or AWS_DEFAULT_REGION holds no region of AWS")
	}
	if i.RoleARN != "" && !amazon.IsRole(i.RoleARN) {
		s.bad.add(join(at, "role_arn"), "is no ARN of a role; write arn:aws:iam::ACCOUNT:role/NAME")
	}
	if i.RoleARN == "" && (i.SessionName != "" || i.ExternalID != "") {
		s.bad.add(join(at, "role_arn"), "missing; role_session_name and external_id are for a role that is taken on")
	}
	return i
}
