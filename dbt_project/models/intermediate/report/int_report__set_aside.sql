{{ config(
    key=['dataset', 'submission_id', 'sheet_name', 'row_number'],
    slice_by=['submission_id'],
    touched_by={
        'stg_household_review': ['submission_id'],
        'stg_household_member': ['submission_id'],
        'stg_commune_profile': ['submission_id'],
        'stg_poor_movement': ['submission_id'],
        'stg_near_poor_movement': ['submission_id'],
        'int_household__classified': ['submission_id'],
        'int_member__person': ['submission_id'],
        'int_commune__profile': ['submission_id'],
        'int_movement__form': ['submission_id'],
    }
) }}

select
    'household_review' as dataset,
    staged.submission_id,
    staged.sheet_name,
    staged.row_number
from {{ ref('stg_household_review') }} as staged -- slice: submission_id
left join {{ ref('int_household__classified') }} as counted -- slice: submission_id
    using (submission_id, sheet_name, row_number)
where counted.submission_id is null
union all
select
    'household_member',
    staged.submission_id,
    staged.sheet_name,
    staged.row_number
from {{ ref('stg_household_member') }} as staged -- slice: submission_id
left join {{ ref('int_member__person') }} as counted -- slice: submission_id
    using (submission_id, sheet_name, row_number)
where counted.submission_id is null
union all
select
    'commune_profile',
    staged.submission_id,
    staged.sheet_name,
    staged.row_number
from {{ ref('stg_commune_profile') }} as staged -- slice: submission_id
left join {{ ref('int_commune__profile') }} as counted -- slice: submission_id
    using (submission_id, sheet_name, row_number)
where counted.submission_id is null
union all
select
    'poor_movement',
    staged.submission_id,
    staged.sheet_name,
    staged.row_number
from {{ ref('stg_poor_movement') }} as staged -- slice: submission_id
left join {{ ref('int_movement__form') }} as counted -- slice: submission_id
    using (submission_id, sheet_name, row_number)
where counted.submission_id is null
union all
select
    'near_poor_movement',
    staged.submission_id,
    staged.sheet_name,
    staged.row_number
from {{ ref('stg_near_poor_movement') }} as staged -- slice: submission_id
left join {{ ref('int_movement__form') }} as counted -- slice: submission_id
    using (submission_id, sheet_name, row_number)
where counted.submission_id is null
