"""Proofs about backup sets: certificates, their signatures, and recomputing everything."""
