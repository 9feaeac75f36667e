"""How a program is executed, and its logs set aside before."""
