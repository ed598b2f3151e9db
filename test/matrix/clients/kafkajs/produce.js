// The client matrix's producer for kafkajs. Its command line and output are described in test/matrix/doc.go, the records in
// test/matrix/content_test.go.
const {Kafka, CompressionTypes, logLevel} = require('kafkajs')

const pace = Number(process.env.PACE_MS || 0)
const inBatch = 10

async function main([bootstrap, topicList, countText, ...settings]) {
  const topics = topicList.split(',')
  const count = Number(countText)
  for (const [index, text] of settings.entries()) {
    const start = Date.now()
    const report = (topic, number, error) => console.log(JSON.stringify(
      {setting: index, topic, number, ms: Date.now() - start, error: error ? `${error.name}: ${error.message}` : ''}))
    try {
      await run(bootstrap, topics, count, index, text, report)
    } catch (error) {
      report('', -1, error)
    }
  }
}

async function run(bootstrap, topics, count, index, text, report) {
  const [codec, acks, idempotence] = text.split('/')
  const kafka = new Kafka({brokers: [bootstrap], logLevel: logLevel.ERROR})
  const producer = kafka.producer({idempotent: idempotence === 'on' ? true : undefined})
  const options = {}
  if (codec !== '-') options.compression = {none: CompressionTypes.None, gzip: CompressionTypes.GZIP}[codec]
  if (acks !== '-') options.acks = acks === 'all' ? -1 : Number(acks)
  await producer.connect()
  // One call sends one batch for each partition: topic by topic, so that one that fails does not fail the others.
  for (let from = 0; from < count; from += inBatch * topics.length) {
    for (const [t, topic] of topics.entries()) {
      const numbers = []
      for (let i = from + t; i < Math.min(count, from + inBatch * topics.length); i += topics.length) {
        numbers.push(index * 1000 + i)
      }
      if (numbers.length === 0) continue
      let failed
      try {
        await producer.send({topic, ...options, messages: numbers.map(n => message(topic, n))})
      } catch (error) {
        failed = error
      }
      numbers.forEach(n => report(topic, n, failed))
      await new Promise(resolve => setTimeout(resolve, pace * numbers.length))
    }
  }
  await producer.disconnect()
}

function message(topic, n) {
  return {
    key: n % 13 === 5 ? null : n % 13 === 6 ? Buffer.alloc(0) : `key-${n}`,
    value: value(topic, n),
    timestamp: String(1_700_000_000_000 + n * 1000 - n % 7 * 5000),
    headers: {number: String(n), twice: ['first', 'second'], '': 'no name', empty: Buffer.alloc(0)}, // it has no null
  }
}

function value(topic, n) {
  if (n % 13 === 3) return null
  if (n % 13 === 4) return Buffer.alloc(0)
  let text = `${topic}|${n}|`
  for (let j = 0; j < 100 + n * 7919 % 500; j++) text += String.fromCharCode(97 + (n + j) % 26)
  return text
}

main(process.argv.slice(2))
