"""Certificates, their signatures, and the verification of everything that is stored."""
