// What node-rdkafka, which is librdkafka, does besides producing, for the client matrix: see test/matrix/doc.go. Each
// question begins with connect, which asks for all topics.
const {AdminClient, KafkaConsumer, Producer} = require('node-rdkafka')

const limit = 5000

// call turns a function that takes a callback into a promise.
const call = start => new Promise((resolve, reject) => start((error, value) => error ? reject(error) : resolve(value)))

async function ask(bootstrap, question, topic) {
  const config = {'metadata.broker.list': bootstrap, 'socket.timeout.ms': limit}
  if (question === 'consume') return consume(config, topic)
  if (question === 'create') {
    const admin = AdminClient.create(config)
    await call(done => admin.createTopic({topic, num_partitions: 2, replication_factor: 1}, limit, done))
    return 'created'
  }
  if (question === 'reconnect') {
    for (let i = 0; i < 10; i++) await ask(bootstrap, 'topic', topic)
    return '10 times'
  }
  const producer = new Producer({...config, dr_cb: true}, {'message.timeout.ms': limit})
  await call(done => producer.connect({timeout: limit}, done))
  try {
    return await produce(producer, question, topic)
  } finally {
    await call(done => producer.disconnect(limit, done))
  }
}

async function produce(producer, question, topic) {
  switch (question) {
    case 'topics': {
      const found = await call(done => producer.getMetadata({timeout: limit, allTopics: true}, done))
      return found.topics.map(one => one.name).sort().join(' ')
    }
    case 'topic': {
      const found = await call(done => producer.getMetadata({timeout: limit, topic, allTopics: false}, done))
      const {partitions} = found.topics.find(one => one.name === topic)
      if (partitions.length === 0) throw new Error('no partitions') // it leaves out why
      return partitions.length + ' partitions'
    }
    case 'send':
      producer.setPollInterval(10)
      producer.produce(topic, null, Buffer.from('x'))
      await call(done => producer.once('delivery-report', done))
      return 'stored'
  }
  throw new Error(question)
}

async function consume(config, topic) {
  const consumer = new KafkaConsumer({...config, 'group.id': topic}, {'auto.offset.reset': 'earliest'})
  await call(done => consumer.connect({timeout: limit}, done))
  consumer.subscribe([topic])
  for (const end = Date.now() + limit; Date.now() < end;) {
    const found = await call(done => consumer.consume(1, done))
    if (found.length > 0) return '1 records'
  }
  return '0 records'
}

async function main([bootstrap, ...questions]) {
  for (const text of questions) {
    const [question, topic] = text.split('=')
    const start = Date.now()
    let answer = '', error = ''
    try {
      answer = await ask(bootstrap, question, topic)
    } catch (said) {
      error = said.message
    }
    console.log(JSON.stringify({question: text, answer, ms: Date.now() - start, error}))
  }
  process.exit(0) // a client that is closed may wait for its answers
}

main(process.argv.slice(2))
