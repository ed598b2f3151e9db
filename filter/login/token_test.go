package login_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"sync"
	"time"
)

// signingKey is one of an identity provider. Tokens are made without the library that reads them.
type signingKey struct {
	algorithm string
	public    map[string]any // as in a set of keys
	sign      func(text []byte) []byte
}

var (
	rsaKey = sync.OnceValue(func() *signingKey { return newRSA(2048) })
	// strangerKey is of nobody that is known.
	strangerKey = sync.OnceValue(func() *signingKey { return newRSA(2048) })
	smallKey    = sync.OnceValue(func() *signingKey { return newRSA(1024) })
	ecKey       = sync.OnceValue(newEC)
	edKey       = sync.OnceValue(newEd)
)

func encode(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newRSA(bits int) *signingKey {
	key := must(rsa.GenerateKey(rand.Reader, bits))
	return &signingKey{
		algorithm: "RS256",
		public:    map[string]any{"kty": "RSA", "n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes())},
		sign: func(text []byte) []byte {
			sum := sha256.Sum256(text)
			return must(rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:]))
		},
	}
}

func newEC() *signingKey {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	point := must(key.PublicKey.Bytes())
	return &signingKey{
		algorithm: "ES256",
		public:    map[string]any{"kty": "EC", "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:])},
		sign: func(text []byte) []byte {
			sum := sha256.Sum256(text)
			r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
			both := make([]byte, 64)
			must(0, err)
			r.FillBytes(both[:32])
			s.FillBytes(both[32:])
			return both
		},
	}
}

func newEd() *signingKey {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	must(0, err)
	return &signingKey{
		algorithm: "EdDSA",
		public:    map[string]any{"kty": "OKP", "crv": "Ed25519", "x": encode(public)},
		sign:      func(text []byte) []byte { return ed25519.Sign(key, text) },
	}
}

// secretOf is the key of who takes what is public for a secret that both sides have.
func secretOf(k *signingKey) *signingKey {
	return &signingKey{algorithm: "HS256", sign: func(text []byte) []byte {
		mac := hmac.New(sha256.New, []byte(k.jwk("a")))
		mac.Write(text)
		return mac.Sum(nil)
	}}
}

// jwk is the key in a set; more are fields and values.
func (k *signingKey) jwk(id string, more ...any) string {
	fields := map[string]any{"kid": id}
	maps.Copy(fields, k.public)
	for i := 0; i < len(more); i += 2 {
		fields[more[i].(string)] = more[i+1]
	}
	return string(must(json.Marshal(fields)))
}

// token is one with these claims, signed.
func (k *signingKey) token(id string, claims map[string]any) string {
	return k.raw(map[string]any{"alg": k.algorithm, "kid": id, "typ": "JWT"}, claims)
}

func (k *signingKey) raw(header, claims map[string]any) string {
	text := encode(must(json.Marshal(header))) + "." + encode(must(json.Marshal(claims)))
	return text + "." + encode(k.sign([]byte(text)))
}

// claims are those of a token that is taken, with changes: names and values, of which nil takes one out.
func claims(changes ...any) map[string]any {
	now := time.Now().Unix()
	c := map[string]any{
		"iss": "https://idp", "aud": "kafka", "sub": "alice", "scope": "read kafka", "iat": now - 10, "nbf": now - 10, "exp": now + 300,
	}
	for i := 0; i < len(changes); i += 2 {
		name := changes[i].(string)
		if changes[i+1] == nil {
			delete(c, name)
			continue
		}
		c[name] = changes[i+1]
	}
	return c
}

// hello is a client's first message with a token.
func hello(token string) []byte { return fmt.Appendf(nil, "n,,\x01auth=Bearer %s\x01\x01", token) }
