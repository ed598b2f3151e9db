// Package route says which cluster a topic belongs to. It knows rules and nothing of what they lead to.
//
// The first rule that matches, in the order written, wins, as in Envoy's routes. config refuses rules that can never
// win; a Table is right with them too. Current is a Table that can be replaced while it is in use.
package route
