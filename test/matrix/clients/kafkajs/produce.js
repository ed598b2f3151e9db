// The client matrix's producer for kafkajs. Each of its calls sends one batch for each partition.
const {Kafka, CompressionTypes, logLevel} = require('kafkajs')
const {batches, key, main, timestamp, value} = require('../node/producing.js')

async function run(bootstrap, topics, count, index, text, report) {
  const [codec, acks, idempotence, mechanism, secret] = text.split('/')
  const kafka = new Kafka({
    brokers: [bootstrap], logLevel: logLevel.ERROR, sasl: login(mechanism, secret),
    reauthenticationThreshold: 2000, // its 10 seconds are longer than the logins of test/secure are good
  })
  const producer = kafka.producer({idempotent: idempotence === 'on' ? true : undefined})
  const options = {}
  if (codec !== '-') options.compression = {none: CompressionTypes.None, gzip: CompressionTypes.GZIP}[codec]
  if (acks !== '-') options.acks = acks === 'all' ? -1 : Number(acks)
  await producer.connect()
  await batches(topics, count, index, report,
    (topic, numbers) => producer.send({topic, ...options, messages: numbers.map(n => message(topic, n))}))
  await producer.disconnect()
}

function login(mechanism, secret) {
  if (mechanism === 'OAUTHBEARER') return {mechanism: 'oauthbearer', oauthBearerProvider: async () => ({value: secret})}
  return mechanism && {mechanism: mechanism.toLowerCase(), username: 'mesh', password: secret}
}

function message(topic, n) {
  return {
    key: key(n),
    value: value(topic, n),
    timestamp: String(timestamp(n)),
    headers: {number: String(n), twice: ['first', 'second'], '': 'no name', empty: Buffer.alloc(0)}, // it has no null
  }
}

main(run)
