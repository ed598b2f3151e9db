// What the client matrix's consumers for Node.js share: the command line and the output, see test/matrix/doc.go.
const {crc32} = require('node:zlib')

const limit = 60_000 // milliseconds until a job gives up
const partitions = 2 // of each topic

class Job {
  constructor(index, text) {
    const [mode, group, topics, count] = text.split('/')
    Object.assign(this, {index, group, assigned: mode === 'assign', topics: topics.split(','), count: Number(count)})
    this.seen = 0
    this.start = Date.now()
    this.next = new Map() // the offset after the last that was read, by topic and partition
  }

  get partitions() {
    return this.topics.flatMap(topic => Array.from({length: partitions}, (_, partition) => ({topic, partition})))
  }

  // unfinished tells whether there is more to read; it throws an error when it has taken too long.
  unfinished() {
    if (Date.now() - this.start > limit) throw new Error(`${this.seen} of ${this.count} records in ${limit} ms`)
    return this.seen < this.count
  }

  record(topic, partition, offset, key, value) {
    this.seen++
    this.next.set(`${topic}/${partition}`, {topic, partition, offset: Number(offset) + 1})
    this.say({
      topic, partition, offset: Number(offset), key: key == null ? null : key.toString(),
      value: value == null ? null : crc32(value).toString(16).padStart(8, '0'),
    })
  }

  end(error) {
    this.say({ms: Date.now() - this.start, error})
  }

  say(line) {
    console.log(JSON.stringify({job: this.index, ...line}))
  }
}

// main calls consume(bootstrap, job) for each job; it reads, commits, leaves, and throws what the client says.
async function main(consume) {
  const [bootstrap, ...jobs] = process.argv.slice(2)
  for (const [index, text] of jobs.entries()) {
    const job = new Job(index, text)
    let error = ''
    try {
      await consume(bootstrap, job)
    } catch (said) {
      error = `${said.name}: ${said.message}`
    }
    job.end(error)
  }
  process.stdout.write('', () => process.exit(0)) // a client that is closed may wait for its answers
}

module.exports = {main, limit}
