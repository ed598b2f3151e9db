package login

import (
	"errors"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/follower"
)

// Check says what New would say of settings, one *SettingError or several, joined. It reads files, which
// Settings.Told is told of, and asks nobody for keys.
func Check(s Settings) error {
	if err := s.check(); err != nil {
		return err
	}
	var wrong []error
	if s.UsersFile != "" {
		if _, err := newUsers(s.UsersFile, nil, &follower.Teller{Subject: UsersSubject, Tell: s.Told}); err != nil {
			wrong = append(wrong, wrongSetting("UsersFile", "%v", err))
		}
	}
	if s.Tokens != nil && s.Tokens.KeysFile != "" {
		k := keys{told: &follower.Teller{Subject: KeysSubject, Tell: s.Told}}
		if err := k.readFile(&follower.File{Path: s.Tokens.KeysFile}); err != nil {
			wrong = append(wrong, wrongSetting("Tokens.KeysFile", "%v", err))
		}
	}
	return errors.Join(wrong...)
}
