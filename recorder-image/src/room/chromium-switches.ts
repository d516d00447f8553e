/**
 * Switches of the headless shell: the fewest processes, nothing that renders, plays or phones home. Two processes are left: the browser, in which
 * network and sound services are threads, and the page. Beside services of their own that is 20 MB less and a sixth of the wake-ups less
 * (measured at two anchors). One process for all is not supported upstream.
 */
export const chromiumSwitches = [
  '--remote-debugging-pipe',
  // The zygote cannot be left out with the sandbox on, and a restricted Pod has no user namespaces to build one from.
  '--no-sandbox',
  '--no-zygote',
  '--in-process-gpu',
  '--disable-gpu',
  // Nothing is drawn. The image has no rasteriser at all, and without this switch Chromium asks for one for ever (300,000 lines in 15 s, no page).
  '--disable-software-rasterizer',
  '--renderer-process-limit=1',
  '--mute-audio',
  // Without it the SDK's audio elements pause and it draws a dialog into the page.
  '--autoplay-policy=no-user-gesture-required',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  '--disable-background-networking',
  '--disable-breakpad',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-domain-reliability',
  '--disable-extensions',
  '--disable-sync',
  '--enable-features=NetworkServiceInProcess2',
  '--disable-features=AudioServiceOutOfProcess,Translate,MediaRouter,OptimizationHints,WebRtcHideLocalIpsWithMdns',
  // All media of a room comes through one socket, and waits in it while Chromium gets no processor. Chromium's megabyte is 0.7 s of ten anchors,
  // which a burst of 1.7 s overflowed: 1032 packets, 0.9 s of four people (measured with five busy loops beside it). The node's net.core.rmem_max may allow less.
  '--force-fieldtrials=WebRTC-ReceiveBufferSize/size_bytes:8388608/',
  // /dev/shm of a container is 64 MB unless somebody made it larger.
  '--disable-dev-shm-usage',
  '--metrics-recording-only',
  '--no-default-browser-check',
  '--no-first-run',
  '--no-pings',
  '--password-store=basic',
  '--use-mock-keychain',
]

/** Splits what stands in TRTC_RECORDER_CHROMIUM_ARGS: switches separated by blanks. */
export const extraSwitches = (text: string | undefined) => (text ?? '').split(/\s+/).filter((part) => part !== '')

/** Where the headless shell is found when TRTC_RECORDER_CHROMIUM does not say. */
export const chromiumPlaces = [
  '/usr/bin/chromium-headless-shell',
  '/usr/lib/chromium/chromium-headless-shell',
  '/usr/bin/chromium',
  '/usr/bin/google-chrome',
]
