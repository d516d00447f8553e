import { describe, expect, it } from 'vitest'
import { type Config, ConfigError, parseConfig, usage } from './config.ts'

const image = { TRTC_RECORDER_RECORDER_IMAGE: 'registry/recorder:1' }
const parse = (env: Record<string, string> = {}, args: string[] = []): Config =>
  parseConfig({ ...image, ...env }, args, () => 'trtc-recorder')

function complaint(env: Record<string, string | undefined>, args: string[] = []): string {
  try {
    parseConfig(env, args, () => undefined)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as Error).message
  }
  return expect.unreachable('it was accepted')
}

describe('parseConfig', () => {
  it('needs an image and has a default for the rest', () => {
    expect(parse()).toMatchObject({
      watchNamespaces: [],
      recorderImage: 'registry/recorder:1',
      leaderElection: true,
      leaseNamespace: 'trtc-recorder',
      workers: 32,
      healthPort: 8081,
      metricsPort: 8080,
      callbackGiveUpSeconds: 86_400,
      logLevel: 'info',
    })
    expect(parse().identity).not.toBe('')
  })

  it('reads lists, numbers, switches and JSON', () => {
    const config = parse({
      TRTC_RECORDER_WATCH_NAMESPACES: 'lessons, exams,',
      TRTC_RECORDER_WORKERS: '3',
      TRTC_RECORDER_LEADER_ELECTION: 'false',
      TRTC_RECORDER_RECORDER_RESOURCES: '{"requests":{"cpu":1,"memory":"1Gi"}}',
    })
    expect(config.watchNamespaces).toEqual(['lessons', 'exams'])
    expect(config.workers).toBe(3)
    expect(config.leaderElection).toBe(false)
    expect(config.recorderResources).toEqual({ requests: { cpu: '1', memory: '1Gi' } })
  })

  it('lets a flag win over a variable, and takes an empty value for none', () => {
    const env = { TRTC_RECORDER_LOG_LEVEL: 'warn', TRTC_RECORDER_WORKERS: '' }
    expect(parse(env, ['--log-level', 'debug', '--watch-namespaces=lessons'])).toMatchObject({
      logLevel: 'debug',
      watchNamespaces: ['lessons'],
      workers: 32,
    })
  })

  it.each([
    ['TRTC_RECORDER_WORKERS', 'many'],
    ['TRTC_RECORDER_WORKERS', '0'],
    ['TRTC_RECORDER_HEALTH_PORT', '70000'],
    ['TRTC_RECORDER_LEADER_ELECTION', 'yes'],
    ['TRTC_RECORDER_LOG_LEVEL', 'loud'],
    ['TRTC_RECORDER_WATCH_NAMESPACES', 'Lessons'],
    ['TRTC_RECORDER_RECORDER_RESOURCES', '{cpu: 1}'],
    ['TRTC_RECORDER_RECORDER_RESOURCES', '{"request":{"cpu":"1"}}'],
    ['TRTC_RECORDER_RECORDER_IMAGE_PULL_POLICY', 'Sometimes'],
  ])('names %s when it is %s', (name, value) => {
    const message = complaint({ ...image, TRTC_RECORDER_LEASE_NAMESPACE: 'n', [name]: value })
    expect(message).toContain(`${name} (--`)
    expect(message).toContain(JSON.stringify(value))
    expect(message.split('\n')).toHaveLength(2)
  })

  it('names everything that is wrong at once', () => {
    const message = complaint({ TRTC_RECORDER_WORKERS: '-1' })
    expect(message).toMatch(/RECORDER_IMAGE .* must be set/)
    expect(message).toMatch(/WORKERS/)
    expect(message).toMatch(/LEASE_NAMESPACE/)
  })

  it('refuses a flag that it does not know', () => {
    expect(complaint(image, ['--watch-namespace=lessons'])).toContain('--watch-namespace')
  })

  it('has every setting in its help', () => {
    for (const name of ['--watch-namespaces', 'TRTC_RECORDER_RECORDER_IMAGE', '--callback-give-up-seconds']) {
      expect(usage()).toContain(name)
    }
  })
})
