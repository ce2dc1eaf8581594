/*
 * Known answers for CURVE (RFC 25/26): the same handshake computed with tweetnacl, libsodium and libzmq. Nothing here is computed
 * by the code under test. The long-term keys are those of the libzmq manual.
 */

/** Long-term and transient keys of both sides, hex. */
export const KEYS = {
  clientPublic: 'bb88471d65e2659b30c55a5321cebb5aab2b70a398645c26dca2b2fcb43fc518',
  clientSecret: '7bb864b489afa3671fbe69101f94b38972f24816dfb01b51656b3fec8dfd0888',
  serverPublic: '54fcba24e93249969316fb617c872bb0c1d1ff14800427c594cbfacf1bc2d652',
  serverSecret: '8e0bdd697628b91d8f245587ee95c5b04d48963f79259877b49cd9063aead3b7',
  clientTransientPublic: '07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c',
  clientTransientSecret: '0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20',
  serverTransientPublic: '64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466',
  serverTransientSecret: '4142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f60',
} as const;

/** The long-term keys in Z85. */
export const Z85_KEYS = {
  clientPublic: 'Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID',
  clientSecret: 'D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs',
  serverPublic: 'rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7',
  serverSecret: 'JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6',
} as const;

/** Keys of boxes: HSalsa20 over X25519 of a secret and a public key. */
export const BOX_KEYS = [
  {
    between: "c' and S",
    secret: KEYS.clientTransientSecret,
    public: KEYS.serverPublic,
    key: '259e028feaf6f84c368bbe14706b91be7009bda31688ef1b7af399274b4012d8',
  },
  {
    between: "c' and S'",
    secret: KEYS.clientTransientSecret,
    public: KEYS.serverTransientPublic,
    key: 'f8d48c0771b2fab0580110626883f7671e7d0001a6823f3ad9e93d8ef177e8fc',
  },
  {
    between: "c and S'",
    secret: KEYS.clientSecret,
    public: KEYS.serverTransientPublic,
    key: '0a4cda85a06918cf3159693693370f43fd4ed231d3c60225683e59ba89c0c28c',
  },
] as const;

/** What each side drew at random, in the order in which it draws. */
export const RANDOM = {
  /** c', nonce of the vouch. */
  client: [KEYS.clientTransientSecret, 'd0d1d2d3d4d5d6d7d8d9dadbdcdddedf'],
  /** s', key of the cookie, nonce of the cookie, nonce of WELCOME. */
  server: [
    KEYS.serverTransientSecret,
    'c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf',
    'b0b1b2b3b4b5b6b7b8b9babbbcbdbebf',
    'a0a1a2a3a4a5a6a7a8a9aaabacadaeaf',
  ],
} as const;

/** Properties of a DEALER with an empty Identity. */
export const CLIENT_METADATA =
  '0b536f636b65742d54797065 00000006 4445414c4552 084964656e74697479 00000000';

/** Properties of a ROUTER with an empty Identity. */
export const SERVER_METADATA =
  '0b536f636b65742d54797065 00000006 524f55544552 084964656e74697479 00000000';

/** Body of HELLO (200 bytes), counter 1. */
export const HELLO =
  '0548454c4c4f0100000000000000000000000000000000000000000000000000' +
  '0000000000000000000000000000000000000000000000000000000000000000' +
  '0000000000000000000000000000000007a37cbc142093c8b755dc1b10e86cb4' +
  '26374ad16aa853ed0bdfc0b2b86d1c7c00000000000000016e3f26f72fe2f05d' +
  'b20de7881ee6a08fc432afe73b138226f5930879c93bdd4d8586425a3a8d6bc5' +
  'd83598a3017e0f1792ff0381360d168b6fe1c5e0bb752b0d365e13ea8e8a29ce' +
  '1c5052c8c63eced7';

/** The cookie in WELCOME (96 bytes). */
export const COOKIE =
  'b0b1b2b3b4b5b6b7b8b9babbbcbdbebfce8daa369ce50e1f7703e60f20c9cbb3' +
  '2c68e1124b95205fa18a1a6d46dc1d60ee27125b1b234bfefc901f7162d1bc6e' +
  '24f23f24f34e8ea8a6294c857b536bd1f32018d136f0150b165b04b7b426151b';

/** Body of WELCOME (168 bytes). */
export const WELCOME =
  '0757454c434f4d45a0a1a2a3a4a5a6a7a8a9aaabacadaeaf613ef9eca2016e8e' +
  'f7a4866996551f5371a2055679107ec12a3831e4e312e67817744ebdeed7c83b' +
  'f7c65c9f2921d44a807a24350e915ba16e09a035668bb80d431f66f0c3b36c4f' +
  'eef67944379c44a784f35f4c094320c704261bc870a1c95e28b40fa505d533f1' +
  '9d1efd7d584a62040307fc9b9e5e5e399fb93fbe4dfb6c0b515ea656e37d05b2' +
  'e366fca05ca02092';

/** Box of the vouch in INITIATE (80 bytes). */
export const VOUCH_BOX =
  '412fd0b8ea4dce0fa89d97226afc3fe4f48787eeed27dbad95e445f8f92a6c09' +
  'afc112115a087825350f6b9262b2569080898d6367b6179561e43f3c2e422c05' +
  '2b344bc33cece24a8198f0cdf4873eaa';

/** Body of INITIATE (292 bytes), counter 2. */
export const INITIATE =
  '08494e495449415445b0b1b2b3b4b5b6b7b8b9babbbcbdbebfce8daa369ce50e' +
  '1f7703e60f20c9cbb32c68e1124b95205fa18a1a6d46dc1d60ee27125b1b234b' +
  'fefc901f7162d1bc6e24f23f24f34e8ea8a6294c857b536bd1f32018d136f015' +
  '0b165b04b7b426151b00000000000000027f048f5eee3c33aa0bca80c5d77200' +
  '7f33fba2025be4adf4e9d3393af047e1cc09764999fadd9a7947d6072afd70aa' +
  'ded3bc180b3468ee454f0d6ffa5cdd63e5bcd67ea59d6ed55b8910d1ff8aac8b' +
  '71b9ba96def8f8e6df889aa6ecdf1fa63807d5234e7c8e9ba7a601a494bec49a' +
  'c9f9f31e98e57ee29882355bc2b6b9fa9baf456f3c9f8b9afb0bf3194bb3b6d7' +
  '245e69c65453441533fb751b677078fd4788aa1f94755af5705b685d87b0394c' +
  '6a742ba2';

/** Body of READY (65 bytes), counter 1: a ROUTER with an empty Identity. */
export const READY =
  '05524541445900000000000000012450a78446dbad394223be160b1975ec3640' +
  'a43d786df14c220c19eaecebb04dfd06b2102d46b6f1ad34737281c2a21bbec4' +
  'e8';

/** MESSAGE bodies of the client, counters 3 to 5, and what is in them. */
export const CLIENT_MESSAGES = [
  {
    what: 'the empty delimiter, more to come',
    flags: 0x01,
    body: '',
    message: '074d4553534147450000000000000003109d2e71480d33d66a2865d23342b38156',
  },
  {
    what: '"Hello", the last frame',
    flags: 0x00,
    body: '48656c6c6f',
    message: '074d4553534147450000000000000004d294fd766b193c95c7fb2450e4bda46c5bd32469c187',
  },
  {
    what: 'the command SUBSCRIBE "A"',
    flags: 0x04,
    body: '0953554253435249424541',
    message:
      '074d45535341474500000000000000050bd69e32f6f2d92119a6cf16ee4964d92f1ab5a52efbd1a02179ba96',
  },
] as const;

/** The same of the server, counter 2. */
export const SERVER_MESSAGES = [
  {
    what: '"World", the last frame',
    flags: 0x00,
    body: '576f726c64',
    message: '074d4553534147450000000000000002175aef7eb2f8e9854d0615b6d4369d8a88014cd0f6e1',
  },
] as const;
