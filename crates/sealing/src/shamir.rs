//! Sharing a secret so that any `k` of `n` shares give it back and fewer say nothing about it
//! (Shamir, 1979), byte by byte over GF(2^8).
//!
//! The field is that of AES: polynomials modulo x^8 + x^4 + x^3 + x + 1. Nothing here branches or
//! looks up by a secret value. What a wrong share gives is a wrong secret: who joins must check.

/// The product of two elements.
fn product(a: u8, b: u8) -> u8 {
    let mut sum = 0;
    let mut shifted = a;
    for bit in 0..8 {
        // All ones where the bit of `b` is set.
        sum ^= shifted & 0u8.wrapping_sub((b >> bit) & 1);
        let carry = 0u8.wrapping_sub(shifted >> 7);
        shifted = (shifted << 1) ^ (carry & 0x1b);
    }
    sum
}

/// The inverse of an element: its 254th power. Of 0 it is 0.
fn inverse(a: u8) -> u8 {
    // 254 = 2 + 4 + 8 + ... + 128.
    let mut square = product(a, a);
    let mut power = square;
    for _ in 0..6 {
        square = product(square, square);
        power = product(power, square);
    }
    power
}

/// The value at `x` of the polynomial that is `secret` at 0 and has these coefficients behind it.
pub(crate) fn value_at(x: u8, secret: u8, coefficients: impl Iterator<Item = u8>) -> u8 {
    let mut power = 1;
    coefficients.fold(secret, |sum, coefficient| {
        power = product(power, x);
        sum ^ product(coefficient, power)
    })
}

/// The value at 0 of the polynomial of the lowest degree through these points, whose first
/// numbers are different and not 0.
pub(crate) fn value_at_zero(points: &[(u8, u8)]) -> u8 {
    points.iter().fold(0, |sum, (x, y)| {
        let others = points.iter().filter(|(other, _)| other != x);
        // Lagrange: the product over all others of x_other / (x_other - x); minus is plus here.
        let weight = others
            .fold(1, |weight, (other, _)| product(weight, product(*other, inverse(other ^ x))));
        sum ^ product(*y, weight)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The product as schools teach it.
    fn slow_product(a: u8, b: u8) -> u8 {
        let mut wide: u16 = 0;
        for bit in 0..8 {
            if b & (1 << bit) != 0 {
                wide ^= u16::from(a) << bit;
            }
        }
        for bit in (8..16).rev() {
            if wide & (1 << bit) != 0 {
                wide ^= 0x11b << (bit - 8);
            }
        }
        u8::try_from(wide).unwrap()
    }

    #[test]
    fn it_is_the_field_of_aes() {
        // FIPS 197 §4.2: {57} by {83} is {c1}, {57} by {13} is {fe}.
        assert_eq!((product(0x57, 0x83), product(0x57, 0x13)), (0xc1, 0xfe));
        for a in 0..=255u8 {
            for b in 0..=255u8 {
                assert_eq!(product(a, b), slow_product(a, b));
            }
            assert_eq!(product(a, inverse(a)), u8::from(a != 0), "{a}");
        }
    }

    #[test]
    fn as_many_points_as_needed_give_the_value_back() {
        let coefficients = [0x1f, 0, 0xff];
        for secret in [0, 1, 0x80, 0xff] {
            let point = |x: u8| (x, value_at(x, secret, coefficients.into_iter()));
            for (a, b, c, d) in [(1, 2, 3, 4), (4, 9, 255, 7), (200, 3, 100, 1)] {
                assert_eq!(value_at_zero(&[point(a), point(b), point(c), point(d)]), secret);
            }
        }
    }

    /// With all but one of the points every secret is equally likely: each value of the last
    /// coefficient gives another one.
    #[test]
    fn fewer_points_say_nothing() {
        let fixed = [(3u8, 0x5au8), (9, 0xc3)];
        let mut seen = [false; 256];
        for y in 0..=255u8 {
            let secret = value_at_zero(&[fixed[0], fixed[1], (77, y)]);
            assert!(!std::mem::replace(&mut seen[usize::from(secret)], true));
        }
    }
}
