package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/cmd/kafkamesh/survey"
	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/credential"
)

// addCredential is what to do about a principal that a cluster sees as nobody.
//
//nolint:gosec // it names a field, and no credential
const addCredential = "add a line to identity.mapped.credentials_file of the cluster"

// nobody is that a cluster sees a principal as nobody, as saySeen has printed.
func nobody(c config.Cluster, warning bool) survey.Finding {
	return survey.Finding{What: c.Name + " takes nothing from it", Do: addCredential, Warning: warning}
}

// saySeen prints who a cluster sees a principal as, and reports whether it is somebody.
func saySeen(out printer, c config.Cluster, seen filter.Seen, principal string) bool {
	switch {
	case seen.Refused != "":
		out.printf("\nCluster %s sees %s as nobody: %s\n", c.Name, shownName(principal), seen.Refused)
		return false
	case seen.By != "":
		out.printf("\nCluster %s sees %s %s\n", c.Name, shownName(principal), seen.By)
	case c.Identity == config.MeshIdentity && principal != "":
		out.printf("\nCluster %s sees %s as all clients: as the mesh's user\n", c.Name, shownName(principal))
	case c.Identity != config.MeshIdentity:
		out.printf("\nCluster %s sees who clients are (identity.%s); here it is asked as the mesh's user. Ask for one with --as\n", c.Name, c.Identity)
	}
	return true
}

// logInsAtOnce is how many credentials are tried at the same time.
const logInsAtOnce = 8

// logIns tries every credential of a cluster at a broker that can be used, and says which are refused.
func logIns(ctx context.Context, cluster config.Cluster, seen *survey.Cluster, timeout time.Duration) []survey.Finding {
	at := slices.IndexFunc(seen.Brokers, func(b *survey.Broker) bool { return !survey.Failed(b.Findings) })
	file, err := credential.Open(cluster.CredentialsFile, cluster.Dial, nil, nil, nil)
	if at < 0 || err != nil { // which is said already
		return nil
	}
	var mu sync.Mutex
	var found []survey.Finding
	var work sync.WaitGroup
	room := make(chan struct{}, logInsAtOnce)
	principals := file.Table().Principals()
	if _, by := file.Table().Of("@default"); by == credential.Default {
		principals = append(principals, "@default")
	}
	for _, principal := range principals {
		work.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			if err := logIn(ctx, filter.SeenBy(file, cluster, principal), seen.Brokers[at].Addr, timeout); err != nil {
				mu.Lock()
				defer mu.Unlock()
				found = append(found, survey.Finding{
					What: fmt.Sprintf("the credential of %s does not let it log in: %v", shownName(principal), err), Do: "correct its line in " + cluster.CredentialsFile,
				})
			}
		})
	}
	work.Wait()
	slices.SortFunc(found, func(a, b survey.Finding) int { return strings.Compare(a.What, b.What) })
	return found
}

// logIn connects to a broker once.
func logIn(ctx context.Context, seen filter.Seen, addr string, timeout time.Duration) error {
	client, err := clientOf(seen.Settings)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := client.Dial(ctx, addr)
	if err == nil {
		conn.Close()
	}
	return err
}
