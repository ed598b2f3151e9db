// The client matrix's producer for node-rdkafka, which is librdkafka. Its command line and output are described in
// test/matrix/doc.go, the records in test/matrix/content_test.go. A producer connects first, which asks for all topics.
const {Producer} = require('node-rdkafka')

const pace = Number(process.env.PACE_MS || 0)

async function main([bootstrap, topicList, countText, ...settings]) {
  const topics = topicList.split(',')
  for (const [index, text] of settings.entries()) {
    const start = Date.now()
    const report = (topic, number, error) => console.log(JSON.stringify(
      {setting: index, topic, number, ms: Date.now() - start, error: error ? error.message : ''}))
    try {
      await run(bootstrap, topics, Number(countText), index, text, report)
    } catch (error) {
      report('', -1, error)
    }
  }
}

async function run(bootstrap, topics, count, index, text, report) {
  const producer = new Producer({'metadata.broker.list': bootstrap, dr_cb: true, ...config(text)}, topicConfig(text))
  await new Promise((resolve, reject) => producer.connect({}, error => error ? reject(error) : resolve()))
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
    if (pace) await new Promise(resolve => setTimeout(resolve, pace))
  }
  await done
  await new Promise(resolve => producer.disconnect(resolve))
}

function config(text) {
  const [codec, , idempotence] = text.split('/')
  const out = {}
  if (codec !== '-') Object.assign(out, {'compression.codec': codec, 'linger.ms': 20})
  if (idempotence !== '-') out['enable.idempotence'] = idempotence === 'on'
  return out
}

// topicConfig takes the place of all that is said of topics in config.
function topicConfig(text) {
  const acks = text.split('/')[1]
  return acks === '-' ? {} : {acks: acks === 'all' ? -1 : Number(acks)}
}

function timestamp(n) {
  return 1_700_000_000_000 + n * 1000 - n % 7 * 5000
}

function key(n) {
  return n % 13 === 5 ? null : n % 13 === 6 ? Buffer.alloc(0) : Buffer.from(`key-${n}`)
}

function value(topic, n) {
  if (n % 13 === 3) return null
  if (n % 13 === 4) return Buffer.alloc(0)
  let text = `${topic}|${n}|`
  for (let j = 0; j < 100 + n * 7919 % 500; j++) text += String.fromCharCode(97 + (n + j) % 26)
  return Buffer.from(text)
}

function headers(n) {
  return [{number: String(n)}, {twice: 'first'}, {twice: 'second'}, {'': 'no name'}, {empty: Buffer.alloc(0)}] // it has no null
}

main(process.argv.slice(2))
