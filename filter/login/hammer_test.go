package login_test

import (
	"sync"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
)

// Many log in at once, while the file of users is written again and again with the same users and others.
func TestHammerLogins(t *testing.T) {
	t.Parallel()
	alice, bob := user(t, "alice", "wonderland"), user(t, "bob", "x")
	path := file(t, alice)
	set := set(rsaKey().jwk("a"))
	s := serve(t, login.Settings{
		Mechanisms: []string{login.Plain, login.ScramSHA256, login.OAuthBearer},
		UsersFile:  path,
		Tokens:     &login.TokenSettings{KeysFile: file(t, set), Audiences: []string{"kafka"}},
	})
	token := hello(rsaKey().token("a", claims()))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 20 {
				if _, who, err := begin(t, s, login.Plain).Step([]byte("\x00alice\x00wonderland")); who == nil {
					t.Errorf("PLAIN: %v", err)
				}
				if who, err := converse(s, login.ScramSHA256, "alice", "wonderland", ""); who == nil {
					t.Errorf("SCRAM: %v", err)
				}
				if _, who, err := begin(t, s, login.OAuthBearer).Step(token); who == nil {
					t.Errorf("OAUTHBEARER: %v", err)
				}
				if _, who, _ := begin(t, s, login.Plain).Step([]byte("\x00alice\x00" + string(rune('a'+i)))); who != nil {
					t.Error("a wrong password is taken")
				}
			}
		})
	}
	all.Go(func() {
		for range 100 {
			write(t, path, alice)
			write(t, path, bob, alice)
		}
	})
	all.Wait()
}
