package conformance

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestRefused has what some clients look for, and are refused in part.
func TestRefused(t *testing.T) {
	t.Parallel()
	play(t, "refused", []scenario{
		{name: "find a group's coordinator", do: func(c *client) {
			c.asks(0, 4, func(int16) kmsg.Request {
				req := kmsg.NewPtrFindCoordinatorRequest()
				req.CoordinatorKey, req.CoordinatorKeys = "g", []string{"g", "h"}
				return req
			})
		}},
		{name: "find a coordinator of nothing", differs: ownWords, do: func(c *client) {
			c.asks(1, 3, func(int16) kmsg.Request {
				req := kmsg.NewPtrFindCoordinatorRequest()
				req.CoordinatorType, req.CoordinatorKey = 7, "g"
				return req
			})
		}},
		{name: "find a transaction's coordinator", differs: noTransactions, do: func(c *client) {
			c.asks(1, 4, func(int16) kmsg.Request {
				req := kmsg.NewPtrFindCoordinatorRequest()
				req.CoordinatorType, req.CoordinatorKey, req.CoordinatorKeys = 1, "nobody", []string{"nobody"}
				return req
			})
		}},
	})
}
