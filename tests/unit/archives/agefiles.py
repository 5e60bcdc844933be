"""age files written by hand, as age-encryption.org/v1 says: a second opinion on what seals hold."""

import base64
import hashlib
import hmac
import os

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305


def hkdf(key: bytes, salt: bytes, info: bytes, length: int = 32) -> bytes:
    """RFC 5869 with SHA-256, in so many words."""
    prk = hmac.digest(salt or bytes(32), key, "sha256")
    okm, block = b"", b""
    for counter in range(1, 1 + -(-length // 32)):
        block = hmac.digest(prk, block + info + bytes([counter]), "sha256")
        okm += block
    return okm[:length]


def locked(content: bytes, passphrase: str, work_factor: int = 10) -> bytes:
    """Return an age file for a passphrase, of less work than any tool would choose."""
    salt, file_key, nonce = os.urandom(16), os.urandom(16), os.urandom(16)
    wrap = hashlib.scrypt(
        passphrase.encode(), salt=b"age-encryption.org/v1/scrypt" + salt, n=2**work_factor, r=8, p=1, dklen=32
    )
    body = ChaCha20Poly1305(wrap).encrypt(bytes(12), file_key, None)
    head = f"age-encryption.org/v1\n-> scrypt {b64(salt)} {work_factor}\n{b64(body)}\n---".encode()
    mac = hmac.digest(hkdf(file_key, b"", b"header"), head, "sha256")
    payload = ChaCha20Poly1305(hkdf(file_key, nonce, b"payload")).encrypt(bytes(11) + b"\1", content, None)
    return head + f" {b64(mac)}\n".encode() + nonce + payload


def b64(data: bytes) -> str:
    """Standard base64 without padding."""
    return base64.b64encode(data).decode().rstrip("=")
