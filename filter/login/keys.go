package login

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxKeys    = 256  // of a set
	maxFitting = 4    // keys that a signature without the name of one is tried with
	minRSA     = 2048 // bits
	maxRSA     = 8192
)

// keyring is a set of keys (RFC 7517) that signatures are verified with.
type keyring []jose.JSONWebKey

// parseKeys reads a set. Keys that are for something else, or of a kind that is not known here, are left out.
func parseKeys(raw []byte) (keyring, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	switch err := json.Unmarshal(raw, &set); {
	case err != nil:
		return nil, errors.New("no set of keys: it is not JSON with a list keys")
	case len(set.Keys) > maxKeys:
		return nil, fmt.Errorf("a set of %d keys; at most %d are taken", len(set.Keys), maxKeys)
	}
	var ring keyring
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) != nil || key.Use != "" && key.Use != "sig" || !key.Valid() {
			continue
		}
		if key = key.Public(); key.Key != nil && sound(key.Key) {
			ring = append(ring, key)
		}
	}
	if len(ring) == 0 {
		return nil, fmt.Errorf("none of %d keys can be used: they have to be public keys for signatures, RSA with %d to %d bits, EC or Ed25519",
			len(set.Keys), minRSA, maxRSA)
	}
	return ring, nil
}

// sound says whether a public key is worth something, and does not cost too much.
func sound(key any) bool {
	r, ok := key.(*rsa.PublicKey)
	return !ok || r.N.BitLen() >= minRSA && r.N.BitLen() <= maxRSA
}

// fitting are the keys that may have made a signature: those with the id, or some if the token names none.
func (k keyring) fitting(id, algorithm string) (found keyring) {
	for _, key := range k {
		if id != "" && key.KeyID != id || key.Algorithm != "" && key.Algorithm != algorithm || !suits(key.Key, algorithm) {
			continue
		}
		if found = append(found, key); len(found) == maxFitting {
			break
		}
	}
	return found
}

// suits says whether keys of this kind make signatures of this algorithm.
func suits(key any, algorithm string) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(algorithm, "RS") || strings.HasPrefix(algorithm, "PS")
	case *ecdsa.PublicKey:
		return algorithm == map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[key.Curve.Params().BitSize]
	case ed25519.PublicKey:
		return algorithm == "EdDSA"
	default:
		return false
	}
}
