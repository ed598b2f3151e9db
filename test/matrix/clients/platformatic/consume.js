// The client matrix's consumer for @platformatic/kafka, which has groups only, and commits by itself.
const path = require('node:path')
const {main} = require('../node/consuming.js')

async function consume(bootstrap, job) {
  const {Consumer} = await import(path.join(process.env.NODE_PATH, '@platformatic/kafka/dist/index.js'))
  const consumer = new Consumer({groupId: job.group, clientId: 'matrix', bootstrapBrokers: [bootstrap]})
  const stream = await consumer.consume({topics: job.topics, mode: 'committed', fallbackMode: 'earliest'})
  const timer = setInterval(() => { // it waits for ever
    try {
      job.unfinished()
    } catch (error) {
      stream.destroy(error)
    }
  }, 1000)
  try {
    for await (const m of stream) {
      job.record(m.topic, m.partition, m.offset, m.key, m.value)
      if (!job.unfinished()) break
    }
    await stream.close()
  } finally {
    clearInterval(timer)
    await consumer.close(true)
  }
}

main(consume)
