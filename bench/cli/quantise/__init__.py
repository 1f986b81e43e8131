"""odb quantise"""
