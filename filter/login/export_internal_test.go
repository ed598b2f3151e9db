package login

// SetNonce has the server's part of nonces be this.
func (s *Server) SetNonce(nonce string) { s.nonce = func() string { return nonce } }
