"""Figures of open loops: answers in time, queries begun late, and the largest rate that holds a bound."""
