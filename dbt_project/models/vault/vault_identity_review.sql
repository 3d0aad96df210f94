{{ config(
    slice_by=['candidate_key'],
    touched_by={
        'int_identity__candidate': ['candidate_key'],
        'stg_household_review': none,
        'stg_household_member': none,
    }
) }}

with listed as (
    select
        'household_review' as dataset,
        submission_id,
        sheet_name,
        row_number,
        head_name as full_name,
        head_national_id as national_id,
        head_birth_date as birth_date
    from {{ ref('stg_household_review') }}
    union all
    select
        'household_member' as dataset,
        submission_id,
        sheet_name,
        row_number,
        full_name,
        national_id,
        birth_date
    from {{ ref('stg_household_member') }}
),

reason (kind_code, reason_vi, reason_en) as (
    values
    (
        'shared_head_id',
        'Một số định danh đứng tên chủ hộ của hai hộ trong cùng năm (quy tắc HR-06)',
        'One national id heads two households in the same year (rule HR-06)'
    ),
    (
        'shared_member_id',
        'Một số định danh được ghi cho hai người trong cùng năm (quy tắc HM-06)',
        'One national id stands for two people in the same year (rule HM-06)'
    ),
    (
        'head_elsewhere_member',
        'Chủ hộ của hộ này chỉ được ghi là thành viên của hộ khác trong cùng năm',
        'The head of this household is listed only as a member of another in the same year'
    ),
    (
        'head_of_another_household',
        'Chủ hộ từng đứng tên chủ một hộ khác; không đủ căn cứ để coi là một hộ đổi mã',
        'The head headed another household before; not enough to call it one household under a new code'
    ),
    (
        'same_people',
        'Người của một hộ không còn trong danh sách có mặt ở một hộ mới; có thể là một hộ đổi mã',
        'The people of a household that is gone are found in a new one; it may be one household under a new code'
    ),
    (
        'changed_head_id',
        'Cùng hộ, cùng tên chủ hộ nhưng số định danh khác năm trước',
        'The same household and name of the head, another national id than before'
    ),
    (
        'changed_member_id',
        'Cùng hộ, cùng số thứ tự, cùng tên nhưng số định danh khác năm trước',
        'The same household, number and name, another national id than before'
    ),
    (
        'same_head_name',
        'Hai hộ có chủ hộ cùng tên, cùng năm sinh, cùng thôn; số định danh khác nhau hoặc còn thiếu',
        'The heads of two households have name, year of birth and village in common; ids differ or are missing'
    ),
    (
        'same_member_name',
        'Hai người ở hai hộ cùng tên, cùng năm sinh, cùng thôn; số định danh khác nhau hoặc còn thiếu',
        'Two people of two households have name, year of birth and village in common; ids differ or are missing'
    )
)

select
    candidate.candidate_key,
    candidate.kind_code,
    reason.reason_vi,
    reason.reason_en,
    candidate.spread_code,
    candidate.first_dataset,
    candidate.first_review_year,
    candidate.first_household_code,
    candidate.first_household_id,
    candidate.first_person_no,
    candidate.first_person_key,
    first_side.full_name as first_full_name,
    first_side.national_id as first_national_id,
    first_side.birth_date as first_birth_date,
    candidate.first_commune_code,
    candidate.first_submission_id,
    candidate.first_sheet_name,
    candidate.first_row_number,
    candidate.second_dataset,
    candidate.second_review_year,
    candidate.second_household_code,
    candidate.second_household_id,
    candidate.second_person_no,
    candidate.second_person_key,
    second_side.full_name as second_full_name,
    second_side.national_id as second_national_id,
    second_side.birth_date as second_birth_date,
    candidate.second_commune_code,
    candidate.second_submission_id,
    candidate.second_sheet_name,
    candidate.second_row_number
from {{ ref('int_identity__candidate') }} as candidate -- slice: candidate_key
inner join reason on candidate.kind_code = reason.kind_code
inner join listed as first_side
    on
        candidate.first_dataset = first_side.dataset
        and candidate.first_submission_id = first_side.submission_id
        and candidate.first_sheet_name = first_side.sheet_name
        and candidate.first_row_number = first_side.row_number
inner join listed as second_side
    on
        candidate.second_dataset = second_side.dataset
        and candidate.second_submission_id = second_side.submission_id
        and candidate.second_sheet_name = second_side.sheet_name
        and candidate.second_row_number = second_side.row_number
