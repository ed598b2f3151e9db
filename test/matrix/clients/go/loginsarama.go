package main

import (
	"crypto/sha256"
	"crypto/sha512"

	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"
)

// loginSarama has it log in, and try again once only if it cannot.
func loginSarama(c *sarama.Config, s *setting) {
	if s.mechanism == "" {
		return
	}
	c.Net.SASL.Enable, c.Net.SASL.Mechanism, c.Net.SASL.Version = true, sarama.SASLMechanism(s.mechanism), sarama.SASLHandshakeV1
	c.Net.SASL.User, c.Net.SASL.Password = user, s.secret
	c.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient {
		if s.mechanism == "SCRAM-SHA-256" {
			return &saramaScram{HashGeneratorFcn: sha256.New}
		}
		return &saramaScram{HashGeneratorFcn: sha512.New}
	}
	c.Net.SASL.TokenProvider = saramaToken(s.secret)
	c.Producer.Retry.Max, c.Metadata.Retry.Max = 1, 1
}

// saramaScram is SCRAM as sarama wants it.
type saramaScram struct {
	scram.HashGeneratorFcn

	talk *scram.ClientConversation
}

func (s *saramaScram) Begin(name, secret, authorization string) error {
	client, err := s.NewClient(name, secret, authorization)
	if err == nil {
		s.talk = client.NewConversation()
	}
	return err
}

func (s *saramaScram) Step(said string) (string, error) { return s.talk.Step(said) }
func (s *saramaScram) Done() bool                       { return s.talk.Done() }

// saramaToken is a token as sarama wants it.
type saramaToken string

func (s saramaToken) Token() (*sarama.AccessToken, error) {
	return &sarama.AccessToken{Token: string(s)}, nil
}
