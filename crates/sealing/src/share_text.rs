//! A share as people print, keep and type it: twenty blocks of five characters.
//!
//! Rules: four characters of a block say something, the fifth checks them and the place of the
//! block, so that a slip is told by its block; a checksum covers the whole share. The alphabet has
//! no letters that look like digits, case does not count, and `o`, `i` and `l` are read as the
//! digits that they look like.
//!
//! What the characters say, 20 bits a block, is: the version 1, the id of the key (8 bytes), the
//! splitting (2), how many shares are needed (1), the number of this one (1), its values (32), and
//! the first 4 bytes of SHA-256 over `posthold share 1`, a zero byte and all of that; then a zero
//! byte. The fifth character makes the sum over the place of the block (from 0) and its characters,
//! weighted by x^5 to x^0, zero in GF(2^5) modulo x^5 + x^2 + 1.

use std::fmt;

use ring::digest::{SHA256, digest};

use crate::{Share, ShareError};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

const VERSION: u8 = 1;

/// Bytes of a share before its checksum, and of that.
const FIELD_BYTES: usize = 1 + 8 + 2 + 1 + 1 + 32;
const SUM_BYTES: usize = 4;

/// Bytes of a share, with a zero byte so that they fill the blocks.
const SHARE_BYTES: usize = FIELD_BYTES + SUM_BYTES + 1;

/// Blocks of a share, and the characters of one that say something.
const BLOCKS: usize = 20;
const BLOCK_DIGITS: usize = 4;

/// Blocks in a line.
const BLOCKS_PER_LINE: usize = 5;

/// As it is printed: a line of words, then four lines of blocks.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Share { needed, number, .. } = self;
        let (key, [a, b]) = (self.key_id(), self.split);
        writeln!(
            f,
            "# Posthold: share {number} of key {key} (splitting {a:02x}{b:02x}); any {needed} \
             give the key back."
        )?;
        let blocks = blocks_of(&self.to_bytes());
        for line in blocks.chunks(BLOCKS_PER_LINE) {
            writeln!(f, "{}", line.join("  "))?;
        }
        Ok(())
    }
}

impl Share {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.key);
        bytes.extend(self.split);
        bytes.extend([self.needed, self.number]);
        bytes.extend(self.values);
        bytes.extend(sum_of(&bytes));
        bytes.push(0);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Share> {
        let (fields, behind) = bytes.split_at_checked(FIELD_BYTES)?;
        let (version, rest) = fields.split_first()?;
        let (key, rest) = rest.split_first_chunk()?;
        let (split, rest) = rest.split_first_chunk()?;
        let ([needed, number], rest) = rest.split_first_chunk()?;
        let values = rest.try_into().ok()?;
        let share = Share { key: *key, split: *split, needed: *needed, number: *number, values };
        let [sum @ .., 0] = behind else { return None };
        let fits = *version == VERSION && sum == sum_of(fields) && 2 <= *needed && *number != 0;
        fits.then_some(share)
    }
}

fn sum_of(fields: &[u8]) -> [u8; SUM_BYTES] {
    let hash = digest(&SHA256, &[b"posthold share 1\0".as_slice(), fields].concat());
    hash.as_ref().first_chunk().copied().unwrap_or_default()
}

/// Reads shares one after the other. Blocks may be apart by any white space; lines that begin with
/// `#` are remarks.
pub fn parse_shares(text: &str) -> Result<Vec<Share>, ShareError> {
    let lines = text.lines().filter(|it| !it.trim_start().starts_with('#'));
    let blocks: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    let shares = (1..).zip(blocks.chunks(BLOCKS));
    shares.map(|(share, blocks)| parse_share(share, blocks)).collect()
}

fn parse_share(share: usize, blocks: &[&str]) -> Result<Share, ShareError> {
    let mut digits = Vec::with_capacity(BLOCKS * BLOCK_DIGITS);
    for (place, block) in (0u8..).zip(blocks) {
        let misread = || ShareError::Misread { share, block: usize::from(place) + 1 };
        digits.extend(digits_of(place, block).ok_or_else(misread)?);
    }
    if blocks.len() < BLOCKS {
        return Err(ShareError::Incomplete { share });
    }
    // Two blocks are five bytes.
    let bytes: Vec<u8> = digits
        .chunks(8)
        .flat_map(|it| {
            let number = it.iter().fold(0u64, |sum, digit| sum << 5 | u64::from(*digit));
            number.to_be_bytes().into_iter().skip(3)
        })
        .collect();
    Share::from_bytes(&bytes).ok_or(ShareError::Wrong { share })
}

fn blocks_of(bytes: &[u8]) -> Vec<String> {
    debug_assert_eq!(bytes.len(), SHARE_BYTES);
    let digits: Vec<u8> = bytes
        .chunks(5)
        .flat_map(|it| {
            let number = it.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
            (0..8).rev().map(move |place| number >> (5 * place) & 31)
        })
        .filter_map(|it| u8::try_from(it).ok())
        .collect();
    let block = |(place, digits): (u8, &[u8])| {
        let check = check_of(place, digits);
        let letters = digits.iter().chain([&check]);
        letters.filter_map(|it| ALPHABET.get(usize::from(*it))).map(|it| char::from(*it)).collect()
    };
    (0u8..).zip(digits.chunks(BLOCK_DIGITS)).map(block).collect()
}

/// What a block says, when it can be read and its check fits this place.
fn digits_of(place: u8, block: &str) -> Option<Vec<u8>> {
    let read: Option<Vec<u8>> = block.chars().map(digit_of).collect();
    let mut digits = read.filter(|it| it.len() == BLOCK_DIGITS + 1)?;
    let check = digits.pop()?;
    (check_of(place, &digits) == check).then_some(digits)
}

fn digit_of(letter: char) -> Option<u8> {
    let letter = match letter.to_ascii_lowercase() {
        'o' => '0',
        'i' | 'l' => '1',
        other => other,
    };
    let found = ALPHABET.iter().position(|it| char::from(*it) == letter)?;
    u8::try_from(found).ok()
}

/// The digit that checks a block: every single slip and every exchange of two changes it.
fn check_of(place: u8, digits: &[u8]) -> u8 {
    let times_x = |it: u8| {
        let shifted = it << 1;
        if shifted & 32 == 0 { shifted } else { shifted ^ 0b10_0101 }
    };
    [&place].into_iter().chain(digits).fold(0, |sum, digit| times_x(sum ^ digit & 31))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share() -> Share {
        let mut values = [0; 32];
        for (at, value) in (0u8..).zip(&mut values) {
            *value = at * 7 + 1;
        }
        Share { key: *b"\x01keyid\xfe\xff", split: [0xab, 0xcd], needed: 3, number: 2, values }
    }

    const PRINTED: &str = "\
# Posthold: share 2 of key 016b65796964feff (splitting abcd); any 3 give the key back.
040pc  psbsf  d5jfn  xzxb2  sm1gd
4088e  1wb1y  t91bq  68wmt  0htef
ane6y  6tkh2  f1zrw  d3cmj  kehae
kc5qy  qv2wv  smyt1  seypr  kg00s
";

    #[test]
    fn a_share_is_read_as_it_was_printed() {
        let text = share().to_string();
        assert_eq!(text, PRINTED);
        let lower = text.lines().skip(1).collect::<Vec<_>>().join(" ");
        for text in [text.clone(), lower.to_uppercase(), lower.replace('0', "O").replace('1', "l")]
        {
            assert_eq!(parse_shares(&text), Ok(vec![share()]));
        }
        assert_eq!(parse_shares(&format!("{text}\n\n{text}")).unwrap().len(), 2);
        assert_eq!(parse_shares("# nothing\n"), Ok(Vec::new()));
    }

    #[test]
    fn every_slip_is_told_by_its_block() {
        let blocks = blocks_of(&share().to_bytes());
        for at in 0..BLOCKS {
            for letter in 0..BLOCK_DIGITS + 1 {
                for other in ALPHABET {
                    let mut block = blocks[at].clone().into_bytes();
                    if block[letter] == *other {
                        continue;
                    }
                    block[letter] = *other;
                    let mut changed = blocks.clone();
                    changed[at] = String::from_utf8(block).unwrap();
                    let want = ShareError::Misread { share: 1, block: at + 1 };
                    assert_eq!(parse_shares(&changed.join(" ")), Err(want));
                }
            }
        }
        let mut swapped = blocks.clone();
        swapped.swap(4, 5);
        let want = ShareError::Misread { share: 1, block: 5 };
        assert_eq!(parse_shares(&swapped.join(" ")), Err(want));
        let short = blocks[..19].join("\n");
        assert_eq!(parse_shares(&short), Err(ShareError::Incomplete { share: 1 }));
    }

    /// Two slips in one block may keep its check; the share's own sum does not.
    #[test]
    fn what_blocks_let_pass_the_sum_finds() {
        let mut bytes = share().to_bytes();
        bytes[20] ^= 0x40;
        let blocks = blocks_of(&bytes);
        assert_eq!(parse_shares(&blocks.join(" ")), Err(ShareError::Wrong { share: 1 }));
    }
}
