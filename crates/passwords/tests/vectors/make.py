"""Prints hashes as Django and passlib make them: python3 make.py >> foreign.tsv (pip install django passlib argon2-cffi bcrypt)."""
import base64

import django
from django.conf import settings

settings.configure(PASSWORD_HASHERS=[
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "django.contrib.auth.hashers.BCryptPasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.MD5PasswordHasher",
])
django.setup()
from django.contrib.auth.hashers import get_hasher, make_password  # noqa: E402
from passlib.hash import argon2, bcrypt, bcrypt_sha256, hex_md5, phpass  # noqa: E402,F401


def line(kind, password, stored):
    print(kind, base64.b64encode(password.encode()).decode(), stored, sep="\t")


for hasher in ("bcrypt_sha256", "bcrypt"):
    get_hasher(hasher).__class__.rounds = 6
for password in ("Lantern & Moth 1887", "päßwörd-漢字-🦉"):
    pbkdf2 = get_hasher("pbkdf2_sha256")
    line("django-pbkdf2_sha256", password, pbkdf2.encode(password, pbkdf2.salt(), iterations=20000))
    sha1 = get_hasher("pbkdf2_sha1")
    line("django-pbkdf2_sha1", password, sha1.encode(password, sha1.salt(), iterations=20000))
    line("django-bcrypt_sha256", password, make_password(password, hasher="bcrypt_sha256"))
    line("django-bcrypt", password, make_password(password, hasher="bcrypt"))
    line("django-md5", password, make_password(password, hasher="md5"))
    line("phpass-passlib", password, phpass.using(rounds=9).hash(password))
    line("bcrypt-2b-passlib", password, bcrypt.using(rounds=5).hash(password))
    line("bcrypt-2a-passlib", password, bcrypt.using(rounds=5, ident="2a").hash(password))
    line("argon2id-cffi", password, argon2.using(type="ID", memory_cost=1024, rounds=3, parallelism=2).hash(password))
line("django-pbkdf2_sha256", "default parameters", make_password("default parameters"))
line("django-argon2", "Lantern & Moth 1887", make_password("Lantern & Moth 1887", hasher="argon2"))
line("django-scrypt", "Lantern & Moth 1887", make_password("Lantern & Moth 1887", hasher="scrypt"))
line("argon2i-cffi", "Lantern & Moth 1887", argon2.using(type="I", memory_cost=1024, rounds=3, parallelism=1).hash("Lantern & Moth 1887"))
