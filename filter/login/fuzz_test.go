package login_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
)

// fuzzExchange gives a mechanism the tokens that are in data, each behind its length, and says what has to hold whatever they are: nobody
// gets in who does not know the password, what is refused stays refused, and no answer and no error repeats much of what came.
func fuzzExchange(f *testing.F, s *login.Server, mechanism string, secret []byte, seeds ...[]string) {
	f.Helper()
	for _, tokens := range seeds {
		var data []byte
		for _, token := range tokens {
			data = append(binary.BigEndian.AppendUint16(data, uint16(len(token))), token...)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e := begin(t, s, mechanism)
		over := false
		for len(data) >= 2 {
			size := min(int(binary.BigEndian.Uint16(data)), len(data)-2)
			token := data[2 : 2+size]
			data = data[2+size:]
			kept := bytes.Clone(token)
			answer, who, err := e.Step(token)
			failure, refused := errors.AsType[*login.Failure](err)
			switch {
			case !bytes.Equal(token, kept):
				t.Fatal("the token was changed")
			case err != nil && !refused:
				t.Fatalf("Step = %v, want a *Failure", err)
			case who != nil && (over || refused || !bytes.Contains(token, secret)):
				t.Fatalf("%q logs in", token)
			case over && !refused:
				t.Fatalf("it goes on after the end with %q", answer)
			case refused && (answer != nil || !slices.Contains(login.Reasons(), failure.Reason) || !utf8.ValidString(failure.Name) || len(failure.Name) > 255):
				t.Fatalf("%q, %+v", answer, failure)
			case len(answer) > 2*len(token)+200 || refused && len(failure.Message) > 200:
				t.Fatalf("an answer of %d bytes to %d", len(answer), len(token))
			case refused && e.Refused() == nil:
				t.Fatal("it is refused and does not say so")
			}
			over = over || who != nil || refused
		}
	})
}

func FuzzExchangePlain(f *testing.F) {
	s := serveUsers(f)
	fuzzExchange(f, s, login.Plain, []byte("wonderland"),
		[]string{"\x00alice\x00wonderland"}, []string{"alice\x00alice\x00wonderland", "x"}, []string{"bob\x00alice\x00wonderland"},
		[]string{"\x00alice\x00x"}, []string{"\x00\x00"}, []string{"\x00\xff\x00x"}, []string{"", ""})
}

func FuzzExchangeScram(f *testing.F) {
	s := serveUsers(f, pencil)
	const nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	s.SetNonce(nonce)
	proof := "c=biws,r=rOprNGfwEbeRWgbNEkqO" + nonce + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	none := base64.StdEncoding.EncodeToString(make([]byte, 32))
	fuzzExchange(f, s, login.ScramSHA256, []byte("p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
		[]string{"n,,n=user,r=rOprNGfwEbeRWgbNEkqO", proof, "x"}, []string{"n,a=user,n=user,r=rOprNGfwEbeRWgbNEkqO", proof},
		[]string{"n,,n=user,r=a", "c=biws,r=a" + nonce + ",p=" + none}, []string{"n,,n=user,r=a,tokenauth=true"}, []string{"y,,n=user,r=a"},
		[]string{"p=tls-unique,,n=user,r=a"}, []string{"n,,m=a,n=user,r=a"}, []string{"n,,n=a=2C=3D,r=a,x=y", "c=,r=,p="}, []string{"", ""})
}

func FuzzExchangeBearer(f *testing.F) {
	s := bearers(f, nil)
	token, expired := ecKey().token("b", claims("exp", int64(1)<<33)), ecKey().token("b", claims("exp", 1))
	signature := token[strings.LastIndex(token, ".")+1:]
	fuzzExchange(f, s, login.OAuthBearer, []byte(signature),
		[]string{string(hello(token)), "x"}, []string{string(hello(expired)), "\x01", "\x01"}, []string{string(hello("a.b.c")), "x"},
		[]string{"n,a=alice,\x01auth=Bearer " + token + "\x01x=y\x01\x01"}, []string{"n,a=bob,\x01auth=Bearer " + token + "\x01\x01"},
		[]string{"n,,\x01auth=Bearer " + encode([]byte(`{"alg":"none"}`)) + ".e30.\x01\x01"}, []string{"\x01", ""})
}

// FuzzUsers reads files. One that is taken is written as it was, and is taken again with the same users; an error has nothing of the file.
func FuzzUsers(f *testing.F) {
	v, err := login.NewVerifier(login.ScramSHA512, "x", login.MinIterations)
	check(f, err)
	f.Add([]byte(pencil))
	f.Add([]byte("# a\n\n" + pencil + " " + v.Encode() + "\r\nbob " + v.Encode()))
	f.Add([]byte("@seed " + base64.StdEncoding.EncodeToString(make([]byte, 32)) + "\n"))
	f.Add([]byte("alice secret"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		file, err := login.ParseUsers(raw)
		if err != nil {
			if len(err.Error()) > 2000 || strings.ContainsAny(err.Error(), "\x00\x1b") || !utf8.ValidString(err.Error()) {
				t.Fatalf("error %q", err)
			}
			return
		}
		if written := file.Encode(); !bytes.Equal(bytes.TrimSuffix(written, []byte("\n")), bytes.TrimSuffix(raw, []byte("\n"))) {
			t.Fatalf("%q is written as %q", raw, written)
		}
		before := file.Users()
		if _, err := file.Set(login.User{Name: "alice", Verifiers: []login.Verifier{v}}); err != nil {
			t.Fatal(err)
		}
		again, err := login.ParseUsers(file.Encode())
		if err != nil {
			t.Fatalf("what is written cannot be read: %v", err)
		}
		if !again.Remove("alice") {
			t.Fatal("alice is not there")
		}
		for _, u := range before {
			if got, ok := again.User(u.Name); u.Name != "alice" && (!ok || len(got.Verifiers) != len(u.Verifiers) || got.Verifiers[0].Encode() != u.Verifiers[0].Encode()) {
				t.Fatalf("%q is lost or another", u.Name)
			}
		}
	})
}
