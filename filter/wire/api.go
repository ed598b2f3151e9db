package wire

import (
	"slices"
	"strconv"
)

// APIKey is the number by which a request says which API it is for.
type APIKey int16

// The APIs that are listed to clients.
const (
	KeyProduce         APIKey = 0
	KeyFetch           APIKey = 1
	KeyMetadata        APIKey = 3
	KeyFindCoordinator APIKey = 10
	KeyApiVersions     APIKey = 18 //nolint:revive // Kafka's own name
	KeyInitProducerID  APIKey = 22
)

// String is Kafka's name of the API, or API_71 for one that is not listed.
func (k APIKey) String() string {
	if a, ok := LookupAPI(k); ok {
		return a.Name
	}
	return "API_" + strconv.Itoa(int(k))
}

// API is one row of the version table: the range of versions that clients may use.
type API struct {
	Key      APIKey
	Name     string // as in Kafka's protocol guide
	Min, Max int16
	// Flexible is the first version with compact lengths and tagged fields (KIP-482), in headers and bodies.
	Flexible int16
}

// Served says whether version is in the range.
func (a API) Served(version int16) bool { return a.Min <= version && version <= a.Max }

// The first flexible versions of Produce and Metadata.
const (
	flexibleProduce  = 9
	flexibleMetadata = 9
)

// APIs lists what is served, by key. Why each range is as it is: docs/protocol.md.
func APIs() []API { return slices.Clone(apiTable[:]) }

// LookupAPI finds the row of key. False: the API is not served.
func LookupAPI(key APIKey) (API, bool) {
	for i := range apiTable {
		if apiTable[i].Key == key {
			return apiTable[i], true
		}
	}
	return API{}, false
}

//nolint:gochecknoglobals // a constant table
var apiTable = [...]API{
	{KeyProduce, "Produce", 0, 12, flexibleProduce},
	{KeyFetch, "Fetch", 4, 11, 12},
	{KeyMetadata, "Metadata", 0, 12, flexibleMetadata},
	{KeyFindCoordinator, "FindCoordinator", 0, 4, 3},
	{KeyApiVersions, "ApiVersions", 0, 4, 3},
	{KeyInitProducerID, "InitProducerId", 0, 5, 2},
}
