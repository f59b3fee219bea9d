package main

func limitMemory() {}
