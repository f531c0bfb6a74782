/** Whether bytes are UTF-8 (Unicode 16, table 3-7). */

export function isUtf8(start: usize, length: u32): bool {
  let at = start;
  const end = start + length;
  while (at < end) {
    while (at + 8 <= end && (load<u64>(at) & 0x8080808080808080) == 0) at += 8;
    if (at == end) break;
    const lead = <u32>load<u8>(at);
    if (lead < 0x80) {
      at++;
      continue;
    }
    const more: u32 = lead < 0xc2 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf5 ? 3 : 0;
    if (more == 0 || at + more >= end) return false;
    const second = <u32>load<u8>(at + 1);
    const least: u32 = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const most: u32 = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (second < least || second > most) return false;
    for (let n: u32 = 2; n <= more; n++) {
      if ((load<u8>(at + n) & 0xc0) != 0x80) return false;
    }
    at += more + 1;
  }
  return true;
}
