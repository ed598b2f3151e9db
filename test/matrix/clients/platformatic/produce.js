// The producer for @platformatic/kafka. Each of its calls sends one batch for each partition.
const path = require('node:path')
const {batches, key, main, timestamp, value} = require('../node/producing.js')

async function run(bootstrap, topics, count, index, text, report) {
  const {Producer} = await import(path.join(process.env.NODE_PATH, '@platformatic/kafka/dist/index.js'))
  const [codec, acks, idempotence, mechanism, secret] = text.split('/')
  const producer = new Producer({clientId: 'matrix', bootstrapBrokers: [bootstrap], ...login(mechanism, secret)})
  const options = {}
  if (codec !== '-') options.compression = codec
  if (acks !== '-') options.acks = acks === 'all' ? -1 : Number(acks)
  if (idempotence !== '-') options.idempotent = idempotence === 'on'
  try {
    await batches(topics, count, index, report,
      (topic, numbers) => producer.send({...options, messages: numbers.map(n => message(topic, n))}))
  } finally {
    await producer.close()
  }
}

// login has it try once only: its last words after several times are how often it has tried.
function login(mechanism, secret) {
  if (mechanism === 'OAUTHBEARER') return {retries: 0, sasl: {mechanism, token: secret}}
  return mechanism && {retries: 0, sasl: {mechanism, username: 'mesh', password: secret}}
}

function message(topic, n) {
  const headers = [['number', String(n)], ['twice', 'first'], ['twice', 'second'], ['', 'no name'], ['empty', '']]
  return {
    topic, key: key(n), value: value(topic, n), timestamp: BigInt(timestamp(n)),
    headers: new Map(headers.map(([name, text]) => [Buffer.from(name), Buffer.from(text)])),
  }
}

main(run)
