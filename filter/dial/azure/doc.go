// Package azure gets the tokens of Microsoft Entra ID that Azure Event Hubs takes, as a managed identity or a workload identity. Microsoft's own
// library asks for them.
//
// Where the next line goes: whose tokens, and what went wrong with them, identity.go.
package azure
