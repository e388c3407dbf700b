"""The command line: parse arguments, call one function below, display what came back."""
