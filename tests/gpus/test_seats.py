import pytest

from autograder.errors import AssignmentError
from autograder.execution.devices import Seat, seats, visible


@pytest.fixture
def devices(tmp_path):
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-caps", "null"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ["0", "1"]),
        ({"CUDA_VISIBLE_DEVICES": "1"}, ["1"]),
        ({"CUDA_VISIBLE_DEVICES": " 3, MIG-GPU-5a/1/0 "}, ["3", "MIG-GPU-5a/1/0"]),
        ({"CUDA_VISIBLE_DEVICES": "2,-1,0"}, ["2"]),
        ({"CUDA_VISIBLE_DEVICES": ""}, []),
    ],
)
def test_the_gpus_are_those_that_cuda_would_see(devices, environment, expected):
    assert visible(environment, devices) == expected


def test_without_a_driver_there_are_none(tmp_path):
    assert visible({}, tmp_path) == []


def test_a_gpu_takes_one_submission_at_a_time_and_all_gpus_are_used():
    assert seats("cuda", jobs=0, per_gpu=1, found=["0", "1"]) == [
        Seat(device="cuda", gpu="0"),
        Seat(device="cuda", gpu="1"),
    ]


def test_more_workers_than_the_gpus_take_are_not_started():
    assert [seat.gpu for seat in seats("cuda", jobs=8, per_gpu=2, found=["a", "b"])] == ["a", "b", "a", "b"]


def test_few_workers_are_spread_over_all_gpus():
    places = seats("cuda", jobs=2, per_gpu=4, found=["a", "b", "c"])
    assert places == [Seat(device="cuda", gpu="a", shared_by=4), Seat(device="cuda", gpu="b", shared_by=4)]


def test_one_gpu_can_be_named():
    assert seats("cuda:1", jobs=0, per_gpu=1, found=["7", "9"]) == [Seat(device="cuda", gpu="9")]


def test_the_cpu_has_as_many_places_as_asked():
    assert seats("cpu", jobs=3, per_gpu=1) == [Seat(device="cpu")] * 3


@pytest.mark.parametrize(
    ("device", "found", "said"),
    [
        ("cuda", [], "There is no GPU here for 'cuda'"),
        ("cuda:2", ["0", "1"], "There is no device 'cuda:2': this machine shows 2 GPU"),
        ("cuda:x", ["0"], "There is no device 'cuda:x'. Name one of"),
        ("gpu", ["0"], "There is no device 'gpu'. Name one of"),
    ],
)
def test_what_is_not_there_is_said_before_anything_is_graded(device, found, said):
    with pytest.raises(AssignmentError, match=said):
        seats(device, jobs=0, per_gpu=1, found=found)
