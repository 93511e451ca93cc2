"""What an evaluation measures: instruments over requests, text, sentences, tasks and files, and the statistics that they share."""
