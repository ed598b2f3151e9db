package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// apiVersionsAPI lists what is served, itself too.
//
// As a real broker, a newer version is answered with UNSUPPORTED_VERSION in a body of
// version 0 that lists ApiVersions alone, so that the client can ask again (KIP-511); a client software name or version
// that is empty or has characters outside letters, digits, '-' and '.' gets INVALID_REQUEST. Unlike one, no features are
// listed. Version 5 names the cluster and node that the client thinks it talks to (KIP-1242).
func apiVersionsAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeApiVersions, Min: 0, Max: 4}, Decided: 5,
		Short: "this table", Query: true, Serve: (*Broker).apiVersions,
	}
}

func (b *Broker) apiVersions(c *Call) error {
	response := kmsg.NewPtrApiVersionsResponse()
	self, _ := b.table.Lookup(wire.KeyApiVersions)
	if !self.Served(c.Header.Version) {
		response.ErrorCode = int16(wire.UnsupportedVersion)
		response.ApiKeys = []kmsg.ApiVersionsResponseApiKey{versionsOf(self)}
		c.Answer(Answer{Frame: wire.AppendResponse(nil, c.Header, response)})
		return nil
	}
	request, err := decode[*kmsg.ApiVersionsRequest](b, c)
	if err != nil {
		return err
	}
	response.SetVersion(c.Header.Version)
	switch {
	case c.Header.Version < 3:
	case validSoftware(request.ClientSoftwareName) && validSoftware(request.ClientSoftwareVersion):
		c.Client.setSoftware(request.ClientSoftwareName, request.ClientSoftwareVersion)
	default:
		response.ErrorCode = int16(wire.InvalidRequest)
		c.Answer(Answer{
			Frame:   wire.AppendResponse(nil, c.Header, response),
			Refusal: Refusal{Code: wire.InvalidRequest, Reason: "no client software can have such a name or version (KIP-511)"},
		})
		return nil
	}
	if c.Client.login != nil {
		c.Client.login.told()
	}
	for _, api := range b.table.APIs() {
		response.ApiKeys = append(response.ApiKeys, versionsOf(api))
	}
	c.Answer(Answer{Frame: wire.AppendResponse(nil, c.Header, response)})
	return nil
}

func versionsOf(api wire.API) kmsg.ApiVersionsResponseApiKey {
	k := kmsg.NewApiVersionsResponseApiKey()
	k.ApiKey, k.MinVersion, k.MaxVersion = int16(api.Key), api.Min, api.Max
	return k
}

// validSoftware follows KIP-511: letters, digits, '-' and '.', beginning and ending with a letter or digit.
func validSoftware(s string) bool {
	if s == "" || !isAlphanumeric(s[0]) || !isAlphanumeric(s[len(s)-1]) {
		return false
	}
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && s[i] != '-' && s[i] != '.' {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
