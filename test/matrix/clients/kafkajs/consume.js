// The client matrix's consumer for kafkajs, which has groups only.
const {Kafka, logLevel} = require('kafkajs')
const {main, limit} = require('../node/consuming.js')

async function consume(bootstrap, job) {
  const kafka = new Kafka({brokers: [bootstrap], logLevel: logLevel.ERROR})
  const consumer = kafka.consumer({groupId: job.group, maxWaitTimeInMs: 1000}) // as its end waits for a poll
  await consumer.connect()
  try {
    await consumer.subscribe({topics: job.topics, fromBeginning: true})
    await read(consumer, job)
    await consumer.commitOffsets([...job.next.values()].map(one => ({...one, offset: String(one.offset)})))
  } finally {
    await consumer.disconnect()
  }
}

function read(consumer, job) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${job.seen} of ${job.count} records`)), limit)
    consumer.on(consumer.events.CRASH, event => reject(event.payload.error))
    const eachMessage = async ({topic, partition, message}) => {
      job.record(topic, partition, message.offset, message.key, message.value)
      if (!job.unfinished()) {
        clearTimeout(timer)
        resolve()
      }
    }
    consumer.run({eachMessage}).catch(reject)
  })
}

main(consume)
