// What kafkajs does besides producing, for the client matrix: see test/matrix/doc.go.
const {Kafka, logLevel} = require('kafkajs')

const limit = 5000

async function ask(bootstrap, question, topic) {
  const kafka = new Kafka({
    brokers: [bootstrap], logLevel: logLevel.NOTHING, requestTimeout: limit, connectionTimeout: 1000, retry: {retries: 2},
  })
  if (question === 'send') return send(kafka.producer(), topic)
  if (question === 'consume') return consume(kafka.consumer({groupId: topic}), topic)
  if (question === 'reconnect') {
    for (let i = 0; i < 10; i++) await ask(bootstrap, 'topic', topic)
    return '10 times'
  }
  const admin = kafka.admin()
  await admin.connect()
  try {
    return await administer(admin, question, topic)
  } finally {
    await admin.disconnect()
  }
}

async function administer(admin, question, topic) {
  switch (question) {
    case 'topics':
      return (await admin.listTopics()).sort().join(' ')
    case 'topic':
      return (await admin.fetchTopicMetadata({topics: [topic]})).topics[0].partitions.length + ' partitions'
    case 'create':
      await admin.createTopics({topics: [{topic, numPartitions: 2, replicationFactor: 1}], timeout: limit})
      return 'created'
    case 'cluster': {
      const found = await admin.describeCluster()
      return `${found.clusterId}, ${found.brokers.length} node`
    }
  }
  throw new Error(question)
}

async function send(producer, topic) {
  await producer.connect()
  await producer.send({topic, messages: [{value: 'x'}]})
  return 'stored'
}

async function consume(consumer, topic) {
  await consumer.connect()
  await consumer.subscribe({topics: [topic], fromBeginning: true})
  return new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, event => reject(event.payload.error))
    consumer.run({eachMessage: async () => resolve('1 records')}).catch(reject)
    setTimeout(() => resolve('0 records'), limit)
  })
}

async function main([bootstrap, ...questions]) {
  for (const text of questions) {
    const [question, topic] = text.split('=')
    const start = Date.now()
    let answer = '', error = ''
    try {
      answer = await ask(bootstrap, question, topic)
    } catch (said) {
      error = `${said.name}: ${said.message}`
    }
    console.log(JSON.stringify({question: text, answer, ms: Date.now() - start, error}))
  }
  process.exit(0) // a client that is closed may wait for its answers
}

main(process.argv.slice(2))
