package amazon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/aws/aws-msk-iam-sasl-signer-go/signer"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial/token"
)

// Identity is who we are in AWS. Without a profile it is whom the environment names: by keys, a web identity (IRSA), a container's
// credentials (ECS, EKS Pod Identity) or the machine's role, in the order of AWS's libraries.
type Identity struct {
	Region  string // the cluster's
	Profile string // of AWS's shared configuration; empty: as the environment says
	// RoleARN is the role that we take on; empty: none.
	RoleARN, SessionName, ExternalID string
}

var _ dial.Cloud = Identity{}

// defaultSession is what AWS's logs call a session that has no name.
const defaultSession = "kafkamesh"

var (
	aRegion = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]+$`)
	aRole   = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+$`)
	// ofServer finds the region in the name of a broker of MSK.
	ofServer = regexp.MustCompile(`\.([a-z]{2,4}(?:-[a-z]+)+-[0-9]+)\.amazonaws\.com(?:\.cn)?(?::[0-9]+)?$`)
)

// IsRegion tells whether a text may be the name of a region.
func IsRegion(text string) bool { return aRegion.MatchString(text) }

// IsRole tells whether a text is the ARN of a role.
func IsRole(text string) bool { return aRole.MatchString(text) }

// RegionOf is the region that a broker's address names, or nothing.
func RegionOf(server string) string {
	if found := ofServer.FindStringSubmatch(server); found != nil {
		return found[1]
	}
	return ""
}

// Sources are files that AWS's libraries do not read by themselves: none.
func (i Identity) Sources() []dial.Source { return nil }

// Check finds nothing wrong with them.
func (i Identity) Check() []*dial.Problem { return nil }

// Fetch makes a token, with the credentials that are there now.
func (i Identity) Fetch(ctx context.Context) (token.Token, error) {
	found, err := i.credentials(ctx)
	if err != nil {
		return token.Token{}, explain(err)
	}
	value, end, err := signer.GenerateAuthTokenFromCredentialsProvider(ctx, i.Region, credentials.StaticCredentialsProvider{Value: found})
	if err != nil {
		return token.Token{}, errors.New("AWS's credentials cannot sign: there is no access key or no secret in them")
	}
	made := token.Token{Value: value, Expires: time.UnixMilli(end), Identity: i.describe(found)}
	if found.CanExpire && found.Expires.Before(made.Expires) {
		made.Expires = found.Expires
	}
	return made, nil
}

// describe says whose credentials these are. An access key's id is in each request that it signs, and no secret.
func (i Identity) describe(c aws.Credentials) string {
	if i.RoleARN != "" {
		return i.RoleARN
	}
	return fmt.Sprintf("access key %s (%s)", c.AccessKeyID, c.Source)
}

// credentials are found anew each time, so that what is replaced is used from then on.
func (i Identity) credentials(ctx context.Context) (aws.Credentials, error) {
	options := []func(*config.LoadOptions) error{config.WithRegion(i.Region), config.WithLogger(logging.Nop{})}
	if i.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(i.Profile))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Credentials{}, err
	}
	if i.RoleARN == "" {
		return loaded.Credentials.Retrieve(ctx)
	}
	return stscreds.NewAssumeRoleProvider(sts.NewFromConfig(loaded), i.RoleARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = cmp.Or(i.SessionName, defaultSession)
		if i.ExternalID != "" {
			o.ExternalID = &i.ExternalID
		}
	}).Retrieve(ctx)
}

// explain says why there are no credentials. Of what a server says there is the code alone: the rest may repeat what it was sent.
func explain(err error) error {
	operation, doing := errors.AsType[*smithy.OperationError](err)
	refused, answered := errors.AsType[smithy.APIError](err)
	profile, unknown := errors.AsType[config.SharedConfigProfileNotExistError](err)
	switch {
	case doing && answered:
		return fmt.Errorf("%s refuses %s: %s", operation.Service(), operation.Operation(), code(refused.ErrorCode()))
	case errors.Is(err, context.DeadlineExceeded) && doing:
		return fmt.Errorf("%s does not answer %s in time", operation.Service(), operation.Operation())
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("AWS's credentials have not come in time")
	case unknown:
		return fmt.Errorf("there is no profile %q in AWS's shared configuration", profile.Profile)
	case doing:
		return fmt.Errorf("there are no AWS credentials: no keys, profile, web identity or container's credentials in the environment, "+
			"and %s does not answer %s", operation.Service(), operation.Operation())
	default:
		return errors.New("there are no AWS credentials that can be used: look at AWS_PROFILE, AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE and " +
			"AWS_CONTAINER_CREDENTIALS_FULL_URI, and at what they name")
	}
}

var aCode = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9.]{0,60}$`)

// code is an error's code, if it looks like one.
func code(said string) string {
	if aCode.MatchString(said) {
		return said
	}
	return "an error without a code"
}
