package google

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"

	"cloud.google.com/go/compute/metadata"
	"golang.org/x/oauth2"
)

// aStatus finds what Google's libraries say of an answer that is no token. What stands behind it may repeat what the server was sent.
var aStatus = regexp.MustCompile(`status code ([0-9]{3})\b`)

// explain says why there is no access token.
func explain(err error) error {
	refused, answered := errors.AsType[*oauth2.RetrieveError](err)
	refusal, meta := errors.AsType[*metadata.Error](err)
	_, undefined := errors.AsType[metadata.NotDefinedError](err)
	var wait net.Error
	switch {
	case undefined, meta && refusal.Code == notFound:
		return errors.New("Google's metadata server knows no service account; give the machine or the pod one") //nolint:staticcheck // a name
	case meta:
		return fmt.Errorf("Google's metadata server refuses: status code %d", refusal.Code) //nolint:staticcheck // a name
	case answered:
		return fmt.Errorf("Google's token server refuses: %s", refused.Response.Status) //nolint:staticcheck // a name
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &wait) && wait.Timeout():
		return errors.New("Google's token server does not answer in time") //nolint:staticcheck // a name
	case aStatus.MatchString(err.Error()):
		return fmt.Errorf("Google's token server refuses: %s", aStatus.FindString(err.Error())) //nolint:staticcheck // a name
	default:
		return errors.New("Google gives no access token; look at what the credentials name: servers, and the file or the URL of the subject's token") //nolint:staticcheck // a name
	}
}

const notFound = 404
