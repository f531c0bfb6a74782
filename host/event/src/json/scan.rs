//! The SIMD scanner: where strings and containers end, 64 bytes at a time.
//!
//! For each block it makes bit masks of quotes, escapes, brackets and control characters, and from the quotes, by a
//! prefix xor, what is inside strings (after Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019). It goes
//! forward only: each position asked for lies at or after the one before. It recurses nowhere, so depth costs nothing.

use wide::u8x64;

const BLOCK: usize = 64;

/// What a block is read for: strings need to know their unusual characters, containers do not.
const STRINGS: u8 = 0;
const CONTAINERS: u8 = 1;

/// Not JSON, at this byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) at: usize,
    pub(crate) what: &'static str,
}

const CONTROL: &str = "a control character within a string";
const STRING_CUT: &str = "the text ends within a string";
const CONTAINER_CUT: &str = "the text ends within an object or array";

/// What a string needs before its characters can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its closing quote.
    pub(crate) end: usize,
    /// It holds a backslash, or a byte outside U+0020–007E.
    pub(crate) special: bool,
}

pub(crate) struct Scanner<'a> {
    text: &'a [u8],
    /// Start of the block after the one the masks are of.
    next: usize,
    masks: Masks,
    carry: Carry,
}

/// One bit a byte of the block.
#[derive(Default)]
struct Masks {
    /// Quotes that are not escaped.
    quotes: u64,
    /// Opening quotes and what stands between quotes.
    inside: u64,
    backslashes: u64,
    /// Bytes outside U+0020–007E.
    odd: u64,
    controls: u64,
    /// Brackets and braces outside strings.
    opens: u64,
    closes: u64,
}

/// What one block says about the next.
#[derive(Default)]
struct Carry {
    /// 1 if the first byte is escaped.
    escaped: u64,
    /// All ones if the block begins within a string.
    inside: u64,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, next: 0, masks: Masks::default(), carry: Carry::default() }
    }

    /// The closing quote of the string whose first character (or closing quote) is at `from`.
    #[inline(always)]
    pub(crate) fn string_end(&mut self, from: usize) -> Result<Found, Problem> {
        let mut range = self.seek(from).ok_or(Problem { at: self.text.len(), what: STRING_CUT })?;
        let mut special = 0;
        loop {
            let quotes = self.masks.quotes & range;
            // All bits below the first quote; all bits if there is none.
            let within = range & (quotes & quotes.wrapping_neg()).wrapping_sub(1);
            special |= (self.masks.backslashes | self.masks.odd) & within;
            if self.masks.controls & within != 0 {
                return Err(self.problem(self.masks.controls & within, CONTROL));
            }
            if quotes != 0 {
                return Ok(Found { end: self.position(quotes), special: special != 0 });
            }
            if !self.advance::<STRINGS>() {
                return Err(Problem { at: self.text.len(), what: STRING_CUT });
            }
            range = !0;
        }
    }

    /// The byte after the container whose opening bracket is the byte before `from`.
    #[inline]
    pub(crate) fn container_end(&mut self, from: usize) -> Result<usize, Problem> {
        let cut = Problem { at: self.text.len(), what: CONTAINER_CUT };
        let mut range = self.seek(from).ok_or(cut)?;
        let mut depth: usize = 1;
        loop {
            let (opens, closes) = (self.masks.opens & range, self.masks.closes & range);
            let end = if closes == 0 { 0 } else { last_close(opens, closes, depth) };
            let within = range & end.wrapping_sub(1);
            let wrong =
                within & (self.masks.controls & self.masks.inside | self.masks.backslashes & !self.masks.inside);
            if wrong != 0 {
                return Err(self.problem(wrong, "a control character or backslash out of place"));
            }
            if end != 0 {
                let at = self.position(end);
                self.note_odd();
                return self.check_pair(from - 1, at).map(|()| at + 1);
            }
            if opens | closes != 0 {
                depth = depth + count(opens) - count(closes);
            }
            if !self.advance::<CONTAINERS>() {
                return Err(cut);
            }
            range = !0;
        }
    }

    /// An object ends with a brace, an array with a bracket.
    fn check_pair(&self, open: usize, close: usize) -> Result<(), Problem> {
        // In ASCII both closing characters are two after their opening ones.
        if self.text[open] + 2 == self.text[close] {
            return Ok(());
        }
        Err(Problem { at: close, what: "a closing bracket of the other kind" })
    }

    /// Goes to the block that holds `at`; the bits of it from there on.
    #[inline]
    fn seek(&mut self, at: usize) -> Option<u64> {
        while at >= self.next {
            if !self.advance::<STRINGS>() {
                return None;
            }
        }
        Some(!0 << (at % BLOCK))
    }

    /// The position of the lowest bit.
    #[inline]
    fn position(&self, mask: u64) -> usize {
        self.next - BLOCK + mask.trailing_zeros() as usize
    }

    #[cold]
    fn problem(&self, mask: u64, what: &'static str) -> Problem {
        Problem { at: self.position(mask), what }
    }

    /// Reads the next block; false at the end of the text.
    #[inline]
    fn advance<const MODE: u8>(&mut self) -> bool {
        let Some(rest) = self.text.get(self.next..).filter(|rest| !rest.is_empty()) else { return false };
        self.load::<MODE>(block(rest));
        self.next += BLOCK;
        true
    }

    /// Makes the mask that was left out while a container was skipped.
    fn note_odd(&mut self) {
        self.masks.odd = Rare::find::<STRINGS>(block(&self.text[self.next - BLOCK..])).odd;
    }

    #[inline]
    fn load<const MODE: u8>(&mut self, bytes: u8x64) {
        let rare = Rare::find::<MODE>(bytes);
        let quotes = bytes.simd_eq(u8x64::splat(b'"')).to_bitmask() & !self.carry.escapes(rare.backslashes);
        let inside = prefix_xor(quotes) ^ self.carry.inside;
        // Sign bit of the last byte, spread.
        self.carry.inside = ((inside as i64) >> 63) as u64;
        // With bit 5 set, brackets and braces are the same characters.
        let folded = bytes | u8x64::splat(0x20);
        let folded_is = |byte: u8| folded.simd_eq(u8x64::splat(byte)).to_bitmask();
        self.masks = Masks {
            quotes,
            inside,
            backslashes: rare.backslashes,
            odd: rare.odd,
            controls: rare.controls,
            opens: folded_is(b'{') & !inside,
            closes: folded_is(b'}') & !inside,
        };
    }
}

/// The next 64 bytes, with blanks after the end of the text.
#[inline]
fn block(rest: &[u8]) -> u8x64 {
    match rest.first_chunk::<BLOCK>() {
        Some(block) => u8x64::new(*block),
        None => {
            let mut block = [b' '; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            u8x64::new(block)
        }
    }
}

/// Masks that are 0 in most blocks.
#[derive(Clone, Copy, Default)]
struct Rare {
    backslashes: u64,
    controls: u64,
    odd: u64,
}

impl Rare {
    /// One question whether there is any of them is cheaper than three masks; `odd` is made for strings only.
    #[inline]
    fn find<const MODE: u8>(bytes: u8x64) -> Self {
        let backslash = bytes.simd_eq(u8x64::splat(b'\\'));
        let control = bytes.min(u8x64::splat(0x1F)).simd_eq(bytes);
        // Bytes of 0x7F and above plus one have the sign bit, which is what a bit mask takes (0xFF is not UTF-8).
        let high = if MODE == STRINGS { bytes + u8x64::splat(1) } else { u8x64::ZERO };
        if !(backslash | control | high).any() {
            return Self::default();
        }
        let controls = control.to_bitmask();
        let odd = if MODE == STRINGS { high.to_bitmask() | controls } else { 0 };
        Self { backslashes: backslash.to_bitmask(), controls, odd }
    }
}

impl Carry {
    /// The bytes that a backslash escapes.
    #[inline]
    fn escapes(&mut self, backslashes: u64) -> u64 {
        if backslashes == 0 {
            return std::mem::take(&mut self.escaped);
        }
        const EVEN: u64 = 0x5555_5555_5555_5555;
        let backslashes = backslashes & !self.escaped;
        let follows = backslashes << 1 | self.escaped;
        let odd_starts = backslashes & !EVEN & !follows;
        let (sum, overflow) = odd_starts.overflowing_add(backslashes);
        self.escaped = u64::from(overflow);
        (EVEN ^ (sum << 1)) & follows
    }
}

/// Bit n of the result is the parity of bits 0 to n.
#[inline]
fn prefix_xor(mut bits: u64) -> u64 {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^ bits << 32
}

/// Bits set; most blocks have at most one, and without the instruction for it counting takes a dozen others.
#[inline]
fn count(mask: u64) -> usize {
    if mask & mask.wrapping_sub(1) == 0 { usize::from(mask != 0) } else { mask.count_ones() as usize }
}

/// The bit of the closing bracket that brings `depth` to 0, or 0 if none does.
#[inline]
fn last_close(opens: u64, mut closes: u64, depth: usize) -> u64 {
    if count(closes) < depth {
        return 0;
    }
    let mut closed = 0;
    while closes != 0 {
        let close = closes & closes.wrapping_neg();
        closed += 1;
        if depth + (opens & (close - 1)).count_ones() as usize == closed {
            return close;
        }
        closes ^= close;
    }
    0
}

/// Checks that nothing nests deeper than `limit`.
pub(crate) fn check_depth(text: &[u8], limit: usize) -> Result<(), Problem> {
    let mut scanner = Scanner::new(text);
    let mut depth = 0usize;
    while scanner.advance::<CONTAINERS>() {
        let mut brackets = scanner.masks.opens | scanner.masks.closes;
        while brackets != 0 {
            let bracket = brackets & brackets.wrapping_neg();
            depth = if scanner.masks.opens & bracket != 0 { depth + 1 } else { depth.saturating_sub(1) };
            if depth > limit {
                return Err(scanner.problem(bracket, "nested too deep"));
            }
            brackets ^= bracket;
        }
    }
    Ok(())
}
