package secure

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// tokenServer gives tokens to who knows its secret (OIDC, client credentials), and says by which key it signs them.
type tokenServer struct {
	url    string
	server *http.Server
	key    *rsa.PrivateKey
	given  atomic.Int32
	closed sync.WaitGroup
	secret atomic.Pointer[string]
	// asserted is the key that assertions are signed by, which prove as much as the secret.
	asserted atomic.Pointer[ecdsa.PublicKey]
}

// tokenLife is how long a token is good.
const tokenLife = time.Minute

func startTokenServer(secret string) (*tokenServer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &tokenServer{url: "http://" + l.Addr().String(), key: key}
	s.secret.Store(&secret)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("GET /keys", s.keys)
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	s.closed.Go(func() { _ = s.server.Serve(l) }) // ends with close
	return s, nil
}

func (s *tokenServer) close() {
	_ = s.server.Close()
	s.closed.Wait()
}

func (s *tokenServer) token(w http.ResponseWriter, r *http.Request) {
	client, refusal := s.client(r)
	if refusal != "" {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprintf(w, `{"error": %q, "error_description": "you said %s"}`, refusal, r.Form.Encode())
		return
	}
	s.given.Add(1)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": s.of(client, r.FormValue("scope")), "token_type": "Bearer", "expires_in": int(tokenLife.Seconds())})
}

// of is a token of a client.
func (s *tokenServer) of(client, scope string) string {
	now := time.Now()
	return s.sign(map[string]any{"iss": s.url, "sub": client, "aud": "kafka", "scope": scope, "iat": now.Unix(), "exp": now.Add(tokenLife).Unix()})
}

// client is who asks for a token: the mesh, or one whose name begins with client-. Or it is why there is none.
func (s *tokenServer) client(r *http.Request) (client, refusal string) {
	if r.FormValue("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		assertion, err := jwt.ParseSigned(r.FormValue("assertion"), []jose.SignatureAlgorithm{jose.ES256})
		var claims jwt.Claims
		if err != nil || assertion.Claims(s.asserted.Load(), &claims) != nil ||
			claims.Validate(jwt.Expected{Subject: "mesh", AnyAudience: jwt.Audience{s.url}}) != nil {
			return "", "invalid_grant"
		}
		return "mesh", ""
	}
	id, secret, ok := r.BasicAuth()
	if !ok {
		id, secret = r.FormValue("client_id"), r.FormValue("client_secret")
	}
	if id != "mesh" && !strings.HasPrefix(id, "client-") || secret != *s.secret.Load() || r.FormValue("grant_type") != "client_credentials" {
		return "", "invalid_client"
	}
	return id, ""
}

func (s *tokenServer) sign(claims map[string]any) string {
	head, _ := json.Marshal(map[string]string{"alg": "RS256", "typ": "JWT", "kid": "1"})
	body, _ := json.Marshal(claims) // both always can be
	text := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(body)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, sum[:])
	if err != nil {
		return ""
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func (s *tokenServer) keys(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "kid": "1", "alg": "RS256", "use": "sig",
		"n": base64.RawURLEncoding.EncodeToString(s.key.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(s.key.E)).Bytes()),
	}}})
}
