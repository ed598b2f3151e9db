package login

import (
	"errors"
)

// Check says what New would say of settings, one *SettingError or several, joined. It reads files, which
// Settings.Told is told of, and asks nobody for keys.
func Check(s Settings) error {
	if err := s.check(); err != nil {
		return err
	}
	var wrong []error
	if s.UsersFile != "" {
		u := users{told: &teller{subject: UsersSubject, tell: s.Told}, file: followed{path: s.UsersFile}}
		if err := u.read(); err != nil {
			wrong = append(wrong, wrongSetting("UsersFile", "%v", err))
		}
	}
	if s.Tokens != nil && s.Tokens.KeysFile != "" {
		k := keys{told: &teller{subject: KeysSubject, tell: s.Told}}
		if err := k.readFile(&followed{path: s.Tokens.KeysFile}); err != nil {
			wrong = append(wrong, wrongSetting("Tokens.KeysFile", "%v", err))
		}
	}
	return errors.Join(wrong...)
}
