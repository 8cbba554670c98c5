"""Tests of the Graph client against real HTTPS servers."""
