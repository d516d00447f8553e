/**
 * `npm run verify-cloud`: looks at the TRTC and COS of an account, with a room and a folder of its own, and writes what holds of docs/verified.md to
 * verify-cloud-output/report.json and report.md, without secrets. Asks nothing. Exit code 0: nothing differs; 1: something does, or was left behind;
 * 2: it could not look.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { projectDirectory } from '../../sandbox/src/cluster/paths.ts'
import { assumptionIds } from './assumptions.ts'
import { exitCodeOf, markdownOf, reportOf } from './report.ts'
import { Run } from './run.ts'
import { type Settings, settingsFrom } from './settings.ts'

const help = `Checks what docs/verified.md assumes against an account's TRTC and COS; takes ten minutes at most, and leaves nothing there.

  npm run -s verify-cloud -- [--output DIR]

Settings come from the environment, or from the YAML file (chmod 600) that VERIFY_CLOUD_FILE names:

  VERIFY_CLOUD_SDK_APP_ID      sdkAppId      of the TRTC application
  VERIFY_CLOUD_SDK_SECRET_KEY  sdkSecretKey  its key, which signs UserSig
  VERIFY_CLOUD_SECRET_ID       secretId      of a user that may trtc:RemoveUser, trtc:DismissRoom, sts:GetFederationToken,
  VERIFY_CLOUD_SECRET_KEY      secretKey     and read, write and delete in the bucket
  VERIFY_CLOUD_REGION          region        of the bucket, such as ap-guangzhou
  VERIFY_CLOUD_BUCKET          bucket        its whole name, such as recordings-1250000000
`
const { values } = parseArgs({
  options: {
    output: { type: 'string', default: join(projectDirectory, 'verify-cloud-output') },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help) {
  process.stdout.write(help)
  process.exit(0)
}
const output = resolve(values.output)
process.chdir(projectDirectory)
const startedAt = new Date()
const marks = { holds: '✓', differs: '✗', 'not checked': '–' } as const

const settings = await settingsFrom(process.env).catch((error: Error) => {
  console.error(`${error.message}\n\n${help}`)
  process.exit(2)
})
const directory = await mkdtemp(join(tmpdir(), 'verify-cloud-'))
const run = new Run(settings, directory, (step) => console.log(step))
let interrupted = false
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (interrupted) return
    interrupted = true
    console.error(`\nInterrupted (${signal}); ending everything.`)
    void end(run, settings)
  })
}
await run.look()
if (!interrupted) await end(run, settings)

async function end(run: Run, settings: Settings): Promise<void> {
  const leftBehind = await run.clear()
  await rm(directory, { recursive: true, force: true })
  const report = reportOf({ findings: run.findings, leftBehind, startedAt }, { settings, secrets: run.secrets })
  await mkdir(output, { recursive: true })
  await writeFile(join(output, 'report.json'), `${JSON.stringify(report, undefined, 2)}\n`)
  await writeFile(join(output, 'report.md'), markdownOf(report))
  for (const id of assumptionIds) {
    const verdict = report.verdicts[id]
    console.log(`  ${marks[verdict.is]} ${id}: ${verdict.is === 'not checked' ? `not checked: ${verdict.why}` : verdict.seen}`)
  }
  for (const item of report.leftBehind) console.log(`  left behind: ${item}`)
  console.log(`\nIn full, without secrets: ${output}/report.md, ${output}/report.json`)
  process.exit(interrupted ? 130 : exitCodeOf(report))
}
