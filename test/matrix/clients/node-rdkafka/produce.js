// The client matrix's producer for node-rdkafka, which is librdkafka. It connects first, which asks for all topics.
const {Producer} = require('node-rdkafka')
const {key, main, pace, paced, timestamp, value} = require('../node/producing.js')

async function run(bootstrap, topics, count, index, text, report) {
  const producer = new Producer({'metadata.broker.list': bootstrap, dr_cb: true, ...config(text)}, topicConfig(text))
  await connect(producer, text)
  producer.setPollInterval(10)
  let left = count
  const done = new Promise(resolve => {
    const settle = (topic, n, error) => {
      report(topic, n, error)
      if (--left === 0) resolve()
    }
    producer.on('delivery-report', (error, said) => settle(said.topic, said.opaque, error))
    producer.settle = settle
  })
  for (let i = 0; i < count; i++) {
    const n = index * 1000 + i
    const topic = topics[i % topics.length]
    try {
      producer.produce(topic, null, value(topic, n), key(n), timestamp(n), n, headers(n))
    } catch (error) { // it knows already that the topic is refused
      producer.settle(topic, n, error)
    }
    if (pace) await paced(1)
  }
  await done
  await new Promise(resolve => producer.disconnect(resolve))
}

// connect tries a login that fails again for a while.
function connect(producer, text) {
  const [mechanism, token] = text.split('/').slice(3)
  if (mechanism === 'OAUTHBEARER') producer.setOauthBearerToken(token)
  return new Promise((resolve, reject) => {
    producer.connect(mechanism ? {timeout: 5000} : {}, error => error ? reject(error) : resolve())
  })
}

function config(text) {
  const [codec, , idempotence, mechanism, secret] = text.split('/')
  const out = {}
  if (mechanism) Object.assign(out, {'security.protocol': 'sasl_plaintext', 'sasl.mechanisms': mechanism})
  if (mechanism && mechanism !== 'OAUTHBEARER') Object.assign(out, {'sasl.username': 'mesh', 'sasl.password': secret})
  if (codec !== '-') Object.assign(out, {'compression.codec': codec, 'linger.ms': 20})
  if (idempotence !== '-') out['enable.idempotence'] = idempotence === 'on'
  return out
}

// topicConfig takes the place of all that is said of topics in config.
function topicConfig(text) {
  const acks = text.split('/')[1]
  return acks === '-' ? {} : {acks: acks === 'all' ? -1 : Number(acks)}
}

function headers(n) {
  return [{number: String(n)}, {twice: 'first'}, {twice: 'second'}, {'': 'no name'}, {empty: Buffer.alloc(0)}] // it has no null
}

main(run)
