"""Degradations and forward models y = A(x) + n: noise, resampling, blur, and the contract of linear operators."""
