package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Defaults of producer_config, librdkafka's but for client.id.
const (
	defaultClientID        = "kafkamesh"
	defaultRequestTimeout  = 30 * time.Second
	defaultMetadataMaxAge  = 15 * time.Minute
	defaultMetadataRefresh = 5 * time.Minute
	// ageOfRefreshes is how many refresh intervals metadata is believed when only the interval is given.
	ageOfRefreshes = 3
)

// treatment is what becomes of a property. One of its fields is set.
type treatment struct {
	// apply takes over a value that spec.read has allowed.
	apply func(*Cluster, string) error
	// security says that security.go looks at it.
	security bool
	// ignored is the reason why a value other than the default changes nothing.
	ignored string
	// refused is the reason why no value other than the default is taken.
	refused string
}

// Reasons that several properties share.
const (
	whole    = "has no effect: batches are forwarded whole, as their clients made them"
	retries  = "has no effect: what can be retried is retried by the clients, which own the order"
	callback = "cannot be set by a text"
	unqueued = "has no effect: batches wait in the memory that limits bounds"
	logged   = "has no effect: the log is the host's"
	engine   = "is not supported: TLS is Go's, which has no engines or providers"
	renewal  = "has no effect: tickets are asked for with the keytab whenever a connection is made"
)

// treatments has every property that a producer of librdkafka can have, under its first name.
//
//nolint:funlen,maintidx // a table
func treatments() map[string]treatment {
	return map[string]treatment{
		"request.required.acks": {apply: setAcks},
		"client.id":             {apply: setClientID},
		"request.timeout.ms":    ms(func(c *Cluster, d time.Duration) { c.RequestTimeout = d }),
		"message.timeout.ms":    ms(func(c *Cluster, d time.Duration) { c.MessageTimeout = d }),
		"message.max.bytes":     number(func(c *Cluster, n int64) { c.MaxMessageBytes = n }),
		"receive.message.max.bytes": number(func(c *Cluster, n int64) {
			c.MaxResponseBytes = int32(n)
		}),
		"max.in.flight.requests.per.connection": number(func(c *Cluster, n int64) { c.MaxInFlight = int32(n) }),
		"socket.timeout.ms":                     ms(func(c *Cluster, d time.Duration) { c.AnswerTimeout = d }),
		"socket.connection.setup.timeout.ms":    ms(func(c *Cluster, d time.Duration) { c.Dial.Socket.SetupTimeout = d }),
		"socket.keepalive.enable":               boolean(func(c *Cluster, on bool) { c.Dial.Socket.KeepAlive = on }),
		"socket.nagle.disable":                  boolean(func(c *Cluster, on bool) { c.Dial.Socket.Nagle = !on }),
		"socket.send.buffer.bytes":              number(func(c *Cluster, n int64) { c.Dial.Socket.SendBuffer = int(n) }),
		"socket.receive.buffer.bytes":           number(func(c *Cluster, n int64) { c.Dial.Socket.ReceiveBuffer = int(n) }),
		"broker.address.family": {apply: func(c *Cluster, v string) error {
			c.Dial.Socket.Family = map[string]string{"any": "tcp", "v4": "tcp4", "v6": "tcp6"}[v]
			return nil
		}},
		"client.dns.lookup": {apply: func(c *Cluster, v string) error {
			c.Dial.Socket.Canonical = v == "resolve_canonical_bootstrap_servers_only"
			return nil
		}},
		"reconnect.backoff.ms":     ms(func(c *Cluster, d time.Duration) { c.ReconnectBackoff = max(d, time.Millisecond) }),
		"reconnect.backoff.max.ms": ms(func(c *Cluster, d time.Duration) { c.ReconnectBackoffMax = max(d, time.Millisecond) }),
		"connections.max.idle.ms":  ms(func(c *Cluster, d time.Duration) { c.MaxIdle = d }),
		"metadata.max.age.ms":      ms(func(c *Cluster, d time.Duration) { c.MetadataMaxAge = d }),
		"topic.metadata.refresh.interval.ms": ms(func(c *Cluster, d time.Duration) {
			c.MetadataRefreshInterval = max(d, 0) // −1 is off, and so is 0
		}),
		"allow.auto.create.topics": boolean(func(c *Cluster, on bool) { c.NoAutoCreate = !on }),
		"queue.buffering.max.ms":   {apply: setLinger},
		"batch.size":               number(func(c *Cluster, n int64) { c.MaxRequestBytes = n }),
		"batch.num.messages":       {ignored: "has no effect: batches are forwarded whole; batch.size bounds the requests that they share"},

		"security.protocol":                                 {security: true},
		"ssl.ca.location":                                   {security: true},
		"ssl.ca.pem":                                        {security: true},
		"ssl.certificate.location":                          {security: true},
		"ssl.certificate.pem":                               {security: true},
		"ssl.key.location":                                  {security: true},
		"ssl.key.pem":                                       {security: true},
		"ssl.key.password":                                  {security: true},
		"ssl.keystore.location":                             {security: true},
		"ssl.keystore.password":                             {security: true},
		"ssl.crl.location":                                  {security: true},
		"ssl.cipher.suites":                                 {security: true},
		"ssl.curves.list":                                   {security: true},
		"ssl.endpoint.identification.algorithm":             {security: true},
		"enable.ssl.certificate.verification":               {security: true},
		"sasl.mechanisms":                                   {security: true},
		"sasl.username":                                     {security: true},
		"sasl.password":                                     {security: true},
		"sasl.kerberos.service.name":                        {security: true},
		"sasl.kerberos.principal":                           {security: true},
		"sasl.kerberos.keytab":                              {security: true},
		"sasl.oauthbearer.method":                           {security: true},
		"sasl.oauthbearer.client.id":                        {security: true},
		"sasl.oauthbearer.client.secret":                    {security: true},
		"sasl.oauthbearer.scope":                            {security: true},
		"sasl.oauthbearer.extensions":                       {security: true},
		"sasl.oauthbearer.token.endpoint.url":               {security: true},
		"https.ca.location":                                 {security: true},
		"https.ca.pem":                                      {security: true},
		"sasl.oauthbearer.config":                           {security: true},
		"enable.sasl.oauthbearer.unsecure.jwt":              {refused: "is not supported: anybody can write a token that nobody signed"},
		"sasl.oauthbearer.grant.type":                       {security: true},
		"sasl.oauthbearer.assertion.algorithm":              {security: true},
		"sasl.oauthbearer.assertion.private.key.file":       {security: true},
		"sasl.oauthbearer.assertion.private.key.passphrase": {security: true},
		"sasl.oauthbearer.assertion.private.key.pem":        {security: true},
		"sasl.oauthbearer.assertion.file":                   {security: true},
		"sasl.oauthbearer.assertion.claim.aud":              {security: true},
		"sasl.oauthbearer.assertion.claim.exp.seconds":      {security: true},
		"sasl.oauthbearer.assertion.claim.iss":              {security: true},
		"sasl.oauthbearer.assertion.claim.jti.include":      {security: true},
		"sasl.oauthbearer.assertion.claim.nbf.seconds":      {security: true},
		"sasl.oauthbearer.assertion.claim.sub":              {security: true},
		"sasl.oauthbearer.assertion.jwt.template.file":      {security: true},
		"sasl.oauthbearer.metadata.authentication.type":     {security: true},
		"sasl.oauthbearer.sub.claim.name":                   {ignored: "has no effect: the broker reads the token"},
		"sasl.kerberos.kinit.cmd":                           {ignored: renewal},
		"sasl.kerberos.min.time.before.relogin":             {ignored: renewal},
		"ssl.ca.certificate.stores":                         {ignored: "has no effect: it is for Windows"},
		"ssl.sigalgs.list":                                  {refused: "is not supported: Go chooses the signature algorithms; remove it"},
		"ssl.providers":                                     {refused: engine},
		"ssl.engine.location":                               {refused: engine},
		"ssl.engine.id":                                     {refused: engine},
		"ssl_engine_callback_data":                          {refused: callback},
		"ssl_key":                                           {refused: callback + "; use ssl.key.pem"},
		"ssl_certificate":                                   {refused: callback + "; use ssl.certificate.pem"},
		"ssl_ca":                                            {refused: callback + "; use ssl.ca.pem"},
		"ssl.certificate.verify_cb":                         {refused: callback},
		"oauthbearer_token_refresh_cb":                      {refused: callback},

		"transactional.id":       {refused: "is not supported: transactions are not served"},
		"transaction.timeout.ms": {ignored: "has no effect: transactions are not served"},
		"enable.idempotence":     {ignored: "has no effect: each client's batches say whether it is idempotent"},
		"enable.gapless.guarantee": {
			ignored: retries,
		},
		"compression.codec": {ignored: whole},
		"compression.level": {ignored: whole},
		"partitioner":       {ignored: "has no effect: clients choose the partitions"},
		"partitioner_cb":    {refused: callback},
		"msg_order_cmp":     {refused: callback},
		"sticky.partitioning.linger.ms": {
			ignored: "has no effect: clients choose the partitions",
		},
		"message.send.max.retries":                 {ignored: retries},
		"retry.backoff.ms":                         {ignored: retries},
		"retry.backoff.max.ms":                     {ignored: retries},
		"message.copy.max.bytes":                   {ignored: whole},
		"queue.buffering.max.messages":             {ignored: unqueued},
		"queue.buffering.max.kbytes":               {ignored: unqueued},
		"queue.buffering.backpressure.threshold":   {ignored: unqueued},
		"queuing.strategy":                         {ignored: "has no effect: batches of a partition are sent first in, first out"},
		"delivery.report.only.error":               {ignored: "has no effect: every client is told what became of its batches"},
		"produce.offset.report":                    {ignored: "has no effect: every client is told its offsets"},
		"dr_cb":                                    {refused: callback},
		"dr_msg_cb":                                {refused: callback},
		"metadata.recovery.strategy":               {ignored: "has no effect: bootstrap servers are always asked when no other broker answers"},
		"metadata.recovery.rebootstrap.trigger.ms": {ignored: "has no effect: bootstrap servers are always asked when no other broker answers"},
		"topic.metadata.refresh.fast.interval.ms":  {ignored: "has no effect: metadata is asked for as soon as a broker contradicts it, with reconnect.backoff.ms between failures"},
		"topic.metadata.refresh.fast.cnt":          {ignored: "has no effect: librdkafka does not use it either"},
		"topic.metadata.refresh.sparse":            {ignored: "has no effect: only the topics in use are asked for"},
		"topic.metadata.propagation.max.ms":        {ignored: "has no effect: a topic that is not known is asked for again by the clients"},
		"topic.blacklist":                          {refused: "is not supported; leave the topics out of forwarding_rules"},
		"socket.blocking.max.ms":                   {ignored: "has no effect: librdkafka does not use it either"},
		"socket.max.fails":                         {ignored: "has no effect: a connection that fails once is made anew"},
		"broker.address.ttl":                       {ignored: "has no effect: names are resolved with each connection"},
		"reconnect.backoff.jitter.ms":              {ignored: "has no effect: librdkafka does not use it either"},
		"api.version.request":                      {ignored: "has no effect: brokers are always asked for their versions"},
		"api.version.request.timeout.ms":           {ignored: "has no effect: socket.connection.setup.timeout.ms bounds it"},
		"api.version.fallback.ms":                  {ignored: "has no effect: brokers are always asked for their versions"},
		"broker.version.fallback":                  {ignored: "has no effect: brokers are always asked for their versions"},
		"client.rack":                              {ignored: "has no effect: it is for consumers"},
		"statistics.interval.ms":                   {ignored: "has no effect: statistics are the host's; see docs/operations.md"},
		"enable.metrics.push":                      {ignored: "has no effect: clients' telemetry is not passed on"},
		"enabled_events":                           {ignored: "has no effect: there is no application to get them"},
		"debug":                                    {ignored: logged},
		"log_level":                                {ignored: logged},
		"log.queue":                                {ignored: logged},
		"log.thread.name":                          {ignored: logged},
		"log.connection.close":                     {ignored: logged},
		"enable.random.seed":                       {ignored: "has no effect: there is no random generator to seed"},
		"internal.termination.signal":              {ignored: "has no effect: the process is the host's"},
		"builtin.features":                         {ignored: "has no effect: it tells what a librdkafka was built with"},
		"plugin.library.paths":                     {refused: "is not supported: no plugins are loaded; remove it"},
		"interceptors":                             {refused: callback},
		"error_cb":                                 {refused: callback},
		"throttle_cb":                              {refused: callback},
		"stats_cb":                                 {refused: callback},
		"log_cb":                                   {refused: callback},
		"background_event_cb":                      {refused: callback},
		"socket_cb":                                {refused: callback},
		"connect_cb":                               {refused: callback},
		"closesocket_cb":                           {refused: callback},
		"open_cb":                                  {refused: callback},
		"resolve_cb":                               {refused: callback},
		"opaque":                                   {refused: callback},
		"default_topic_conf":                       {refused: callback},
	}
}

// newCluster returns a cluster without producer_config.
func newCluster() Cluster {
	return Cluster{
		ClientID:                defaultClientID,
		RequestTimeout:          defaultRequestTimeout,
		MetadataMaxAge:          defaultMetadataMaxAge,
		MetadataRefreshInterval: defaultMetadataRefresh,
	}
}

func ms(set func(*Cluster, time.Duration)) treatment {
	return number(func(c *Cluster, n int64) { set(c, time.Duration(n)*time.Millisecond) })
}

func number(set func(*Cluster, int64)) treatment {
	return treatment{apply: func(c *Cluster, v string) error {
		n, err := strconv.ParseInt(v, 10, 64)
		set(c, n)
		return err
	}}
}

func boolean(set func(*Cluster, bool)) treatment {
	return treatment{apply: func(c *Cluster, v string) error {
		set(c, v == "true")
		return nil
	}}
}

func setAcks(c *Cluster, v string) error {
	c.Acks = map[string]Acks{"-1": AcksAll, "0": AcksNone, "1": AcksLeader}[v]
	return nil
}

func setClientID(c *Cluster, v string) error {
	switch {
	case v == "":
		return errors.New("is empty; write a name, or remove it")
	case len(v) > math.MaxInt16:
		return fmt.Errorf("has %d bytes; write at most %d", len(v), math.MaxInt16)
	}
	c.ClientID = v
	return nil
}

// setLinger reads a property that need not be whole milliseconds.
func setLinger(c *Cluster, v string) error {
	ms, err := strconv.ParseFloat(v, 64)
	c.Linger = time.Duration(math.Round(ms * float64(time.Millisecond)))
	return err
}

// msk says what to do about Amazon's way to log in where it cannot be said like this.
const msk = "is not how it is said here; write MECHANISM_OAUTHBEARER, and oauth: {aws: {}}"
