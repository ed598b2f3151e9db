package google

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// shape is an access token as Google's brokers want it: https://cloud.google.com/managed-service-for-apache-kafka/docs/authentication-kafka.
// In place of a signature it has the access token, which is what the broker looks at.
func shape(access, principal string, now, end time.Time) (string, error) {
	head := struct {
		Type      string `json:"typ"`
		Algorithm string `json:"alg"`
	}{"JWT", "GOOG_OAUTH2_TOKEN"}
	claims := struct {
		Issuer  string `json:"iss"`
		Scope   string `json:"scope"`
		Subject string `json:"sub"`
		Issued  int64  `json:"iat"`
		End     int64  `json:"exp"`
	}{"Google", "kafka", principal, now.Unix(), end.Unix()}
	var parts []string
	for _, part := range []any{head, claims} {
		raw, err := json.Marshal(part)
		if err != nil {
			return "", fmt.Errorf("write the token for the broker: %w", err)
		}
		parts = append(parts, base64.RawURLEncoding.EncodeToString(raw))
	}
	return strings.Join(append(parts, base64.RawURLEncoding.EncodeToString([]byte(access))), "."), nil
}
